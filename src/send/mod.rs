//! The sending side: sources make pictures, one thread encodes the newest and writes it.
//!
//! [`source`] chooses where pictures come from ([`crate::source`]), [`session`] pulls them through the `press` and the
//! `gate` onto a `connection`, `acks` and `failover` watch what becomes of them, [`options`] is the
//! command line, [`stats`] the figures.

mod acks;
// libcamera is Linux's alone. This is the only place that asks: where it is missing, another module of the same
// interface says so.
#[cfg_attr(
    not(all(feature = "camera", target_os = "linux")),
    path = "camera/missing.rs"
)]
pub mod camera;
pub mod camera_options;
mod connection;
pub mod event;
mod failover;
mod gate;
mod interval;
pub mod options;
mod press;
pub mod quality;
pub mod sender;
pub mod session;
pub mod source;
pub mod stats;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// The lines of all sources below `folder` that hold `words`.
    fn lines_with(folder: &Path, words: &str) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries
            .flat_map(|entry| match entry.file_type().unwrap().is_dir() {
                true => lines_with(&entry.path(), words),
                false => {
                    let text = fs::read_to_string(entry.path()).unwrap();
                    let found = text.lines().filter(|line| line.contains(words));
                    found.map(String::from).collect()
                }
            })
            .collect()
    }

    #[test]
    fn a_build_with_the_camera_for_another_system_than_linux_has_what_all_others_have() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let asking = lines_with(&sources, concat!("feature = ", "\"camera\""));
        assert_eq!(asking.len(), 1, "{asking:#?}");
        assert!(asking[0].contains("target_os = \"linux\""), "{asking:#?}");
    }
}
