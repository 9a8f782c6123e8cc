//! What an acquisition promises, against servers on 127.0.0.1.
