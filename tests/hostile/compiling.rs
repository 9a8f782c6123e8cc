//! Components that are made to keep the compiler busy.

use crate::sandbox::zoo;
use crate::support::program::Home;

fn inspect(home: &Home, limits: &[&str]) -> String {
    // Nothing that was compiled before.
    let call = home.tierfall(["plugin", "inspect"]).args([zoo()]).env("XDG_CACHE_HOME", home.path("cache"));
    let ended = limits.iter().fold(call, |call, limit| call.args(["--set", limit])).run().expect(2);
    assert_eq!(ended.err.trim().lines().count(), 1, "{}", ended.err);
    ended.err
}

#[test]
fn compiling_ends_with_its_time_and_the_limit_is_named() {
    let said = inspect(&Home::new(), &["sandbox.compile_timeout_ms=1"]);
    assert!(said.contains("`sandbox.compile_timeout_ms` = 1"), "{said}");
}

/// Elsewhere the system lets nobody limit a process's memory.
#[cfg(target_os = "linux")]
#[test]
fn compiling_ends_with_its_memory_and_the_limit_is_named() {
    // Enough for the program to start, and not for a compiler.
    let said = inspect(&Home::new(), &["sandbox.compile_memory_bytes=96 MiB"]);
    assert!(said.contains("`sandbox.compile_memory_bytes` = 100663296"), "{said}");
}

/// A component of a few kilobytes whose one function has more live values at more places than any compiler likes.
fn bomb() -> Vec<u8> {
    fn leb(mut value: usize, into: &mut Vec<u8>) {
        loop {
            let byte = (value & 0x7f) as u8;
            value >>= 7;
            into.push(if value == 0 { byte } else { byte | 0x80 });
            if value == 0 {
                break;
            }
        }
    }
    fn section(id: u8, content: &[u8], into: &mut Vec<u8>) {
        into.push(id);
        leb(content.len(), into);
        into.extend_from_slice(content);
    }
    let (locals, blocks) = (4000, 4000);
    let mut code = vec![1];
    leb(locals, &mut code);
    code.push(0x7f);
    for block in 0..blocks {
        // block; local.get n; br_if 0; local.get n+1; i32.const 1; i32.add; local.set n; end
        code.extend([0x02, 0x40, 0x20]);
        leb(block % locals, &mut code);
        code.extend([0x0d, 0x00, 0x20]);
        leb((block + 1) % locals, &mut code);
        code.extend([0x41, 0x01, 0x6a, 0x21]);
        leb(block % locals, &mut code);
        code.push(0x0b);
    }
    for local in 0..locals {
        code.push(0x20);
        leb(local, &mut code);
        code.push(0x1a);
    }
    code.push(0x0b);
    let mut body = vec![1];
    leb(code.len(), &mut body);
    body.extend(code);
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(1, &[1, 0x60, 0, 0], &mut module);
    section(3, &[1, 0], &mut module);
    section(10, &body, &mut module);
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    section(1, &module, &mut component);
    component
}

#[test]
fn a_small_component_that_is_a_feast_for_the_compiler_costs_no_more_than_its_limits() {
    let home = Home::new();
    let bomb = bomb();
    assert!(bomb.len() < 128 * 1024);
    home.write("bomb.wasm", bomb);
    let call = home.tierfall(["plugin", "inspect", "./bomb.wasm"]).env("XDG_CACHE_HOME", home.path("cache"));
    let ended = call.args(["--set", "sandbox.compile_timeout_ms=2000"]).run().expect(2);
    assert!(ended.err.contains("bomb.wasm") && ended.err.trim().lines().count() == 1, "{}", ended.err);
    if let Some(peak) = ended.peak {
        assert!(peak < 256 << 20, "the program itself took {peak} bytes");
    }
}
