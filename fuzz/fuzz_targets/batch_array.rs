#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let refused = gateway::fuzz::batch_array(bytes);
    assert!(refused.is_none_or(|status| (400..500).contains(&status)));
});
