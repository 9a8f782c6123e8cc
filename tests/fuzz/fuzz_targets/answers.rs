#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tierfall_fuzz::answers::promise(data));
