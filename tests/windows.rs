//! The programs for Windows, under wine: a real window on Xvfb, whose pixels are read back, real keys, real sockets.
//!
//! scripts/test says in `PI_STREAM_WINDOWS` where the programs lie; without that, these tests skip, loudly. What wine
//! cannot show each of them prints ([`wine::LEFT_OUT`]), and docs/building.md says.
#![cfg(all(target_os = "linux", feature = "send", feature = "view"))]

mod common;
#[path = "endurance/hostile.rs"]
mod hostile;
#[path = "windows/wine.rs"]
mod wine;

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use common::figures::Figures;
use common::{Running, until};
use wine::Wine;

/// What wine's own handling of Ctrl-C ends a program with; Windows' does with 0xC000013A.
const ENDED_BY_CTRL_C: i32 = 0;

const SOMEWHERE: [&str; 2] = ["--bind", "127.0.0.1:0"];

#[test]
fn on_windows_the_viewer_shows_the_picture_hears_a_key_and_ends() {
    let Some(wine) = Wine::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut viewer = wine.command("view-recv", &SOMEWHERE);
    let mut viewer = Running::start(viewer.arg("--snapshot-dir").arg(folder.path()));
    let _sender = wine.send(&mut viewer, &["--res", "640x480"]);
    wine.wait_for_picture(640, 480);
    wine.screen.press("s");
    let snapshot = until("a snapshot", || {
        std::fs::read_dir(folder.path()).ok()?.next()
    });
    let name = snapshot.unwrap().file_name().into_string().unwrap();
    assert!(name.starts_with("garden_"), "{name}");
    wine.screen.press("q");
    let (status, lines) = viewer.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
}

#[test]
fn on_windows_a_zip_holds_a_program_with_its_manifest_and_what_is_to_be_read() {
    let Some(wine) = Wine::start() else { return };
    let programs = ["view-recv", "pi-send"].map(|program| (program, wine.folder_of(program)));
    // pi-send's is built for the long tests.
    for (program, folder) in programs.iter().filter(|(_, folder)| folder.exists()) {
        let file = |name: &str| {
            let file = std::fs::read(folder.join(name));
            file.unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        let text = |name: &str| String::from_utf8(file(name)).unwrap();
        assert!(text("LICENSE.txt").contains("MIT License\r\n"));
        assert!(text("README.txt").contains(&format!(r".\{program} --help")));
        assert!(text("third-party-notices.txt").contains("mingw-w64"));
        let program = file(&format!("{program}.exe"));
        let manifest = b"<dpiAwareness";
        assert!(program.windows(manifest.len()).any(|at| at == manifest));
    }
    assert!(programs[0].1.exists());
}

/// How many frames a recording holds, as ffprobe counts them.
fn frames_in(file: &Path) -> u64 {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v:0"])
        .args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(file)
        .output()
        .expect("ffprobe starts (Debian: apt install ffmpeg)");
    let said = String::from_utf8_lossy(&output.stdout);
    said.trim().parse().unwrap_or_else(|_| panic!("{output:?}"))
}

/// The files below a folder with that extension. (Links lead out of it, and are not followed.)
fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let (folders, files): (Vec<_>, Vec<_>) = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()))
        .map(|entry| entry.path())
        .partition(|path| path.is_dir());
    let found = files
        .into_iter()
        .filter(|file| file.extension().is_some_and(|e| e == extension));
    let below = folders
        .iter()
        .flat_map(|folder| files_below(folder, extension));
    found.chain(below).collect()
}

#[test]
#[ignore = "long"]
fn on_windows_every_key_does_what_it_does_elsewhere() {
    let Some(wine) = Wine::start() else { return };
    let mut viewer = Running::start(&mut wine.command("view-recv", &SOMEWHERE));
    let _sender = wine.send(&mut viewer, &["--res", "640x480"]);
    let (left, top) = wine.wait_for_picture(640, 480);
    let is_plain = |pixels: &_| wine::find(pixels, 640, 480) == Some((left, top));
    let at = |pixels: &image::RgbImage, x: u32, y: u32| pixels.get_pixel(left + x, top + y).0;
    let before = wine.screen.look();

    // The figures lie over the picture's upper left corner, the help over its middle.
    for (key, x, y) in [("i", 12, 12), ("h", 320, 240)] {
        wine.screen.press(key);
        wine.screen
            .wait(key, |pixels| at(pixels, x, y) != at(&before, x, y));
        wine.screen.press(key);
        wine.screen.wait(key, |pixels| {
            at(pixels, x, y) == at(&before, x, y) && is_plain(pixels)
        });
    }
    for (key, times) in [("r", 4), ("m", 2)] {
        for _ in 1..times {
            wine.screen.press(key);
            wine.screen.wait(key, |pixels| !is_plain(pixels));
        }
        wine.screen.press(key);
        wine.screen.wait(key, is_plain);
    }
    wine.screen.press("space");
    // Frozen, it is the same however often it is looked at: for longer than from one picture to the next.
    wine.screen.wait("a frozen picture", |pixels| {
        let number = |pixels: &_| wine::number(pixels, (left, top), (640, 480));
        (0..100).all(|_| number(&wine.screen.look()) == number(pixels))
    });
    wine.screen.press("space");
    wine.screen.wait("a live picture", is_plain);

    wine.screen.press("v");
    let recording = until("a recording", || files_below(wine.home(), "mkv").pop());
    wine.screen.press("v");
    viewer.wait_line("a line that says what was recorded", |line| {
        line.contains("recorded ").then_some(())
    });
    assert!(frames_in(&recording) > 0);

    // There is no full screen, and the window says so.
    wine.screen.press("f");
    let is_coloured = |[r, g, b]: [u8; 3]| r.max(g).max(b) - r.min(g).min(b) > 40;
    wine.screen.wait("words", |pixels| {
        (320..480).any(|y| (0..640).any(|x| is_coloured(at(pixels, x, y))))
    });
    wine.screen.press("Escape");
    let (status, lines) = viewer.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
}

#[test]
#[ignore = "long"]
fn on_windows_frames_are_shown_from_the_first_one_on() {
    let Some(wine) = Wine::start() else { return };
    let mut viewer = wine.command("view-recv", &SOMEWHERE);
    let (mut viewer, figures) = Figures::start(viewer.args(["--once", "--stats", "json"]));
    let _sender = wine.send(&mut viewer, &["--res", "640x480", "--frames", "200"]);
    let closing = figures.closing();
    println!("of 200 frames: {closing}");
    assert_eq!(closing["frames"], 200, "{closing}");
    assert!(closing["dropped"].as_u64() <= Some(3), "{closing}");
    assert_eq!(viewer.wait().code(), Some(0));
}

#[test]
#[ignore = "long"]
fn on_windows_recordings_have_every_frame_and_files_in_the_folder_bear_their_bare_names() {
    let Some(wine) = Wine::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let args = ["--headless", "--once", "--record", "clip.mkv"];
    let mut viewer = wine.command("view-recv", &SOMEWHERE);
    let mut viewer = Running::start(viewer.args(args).current_dir(folder.path()));
    let _sender = wine.send(&mut viewer, &["--res", "320x240", "--frames", "100"]);
    let (status, lines) = viewer.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    assert_eq!(frames_in(&folder.path().join("clip.mkv")), 100);
    assert!(lines.iter().all(|line| !line.contains(r".\")), "{lines:#?}");
}

#[test]
#[ignore = "long"]
fn on_windows_a_senders_name_leads_to_no_device() {
    let Some(wine) = Wine::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut viewer = wine.command("view-recv", &SOMEWHERE);
    viewer.args([
        "--headless",
        "--once",
        "--snapshot-every",
        "100ms",
        "--snapshot-dir",
    ]);
    let mut viewer = Running::start(viewer.arg(folder.path()));
    let _sender = wine.send(
        &mut viewer,
        &["--res", "320x240", "--frames", "3", "--name", "nul.x"],
    );
    let (status, lines) = viewer.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let files = files_below(folder.path(), "jpg");
    assert!(!files.is_empty(), "{lines:#?}");
    for file in files {
        assert!(
            file.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("nul_x_"),
            "{file:?}"
        );
        assert!(image::open(&file).is_ok(), "{file:?}");
    }
}

#[test]
#[ignore = "long"]
fn on_windows_the_picture_comes_back_with_its_sender() {
    let Some(wine) = Wine::start() else { return };
    let mut viewer = Running::start(&mut wine.command("view-recv", &SOMEWHERE));
    let mut first = wine.send(&mut viewer, &["--res", "640x480"]);
    wine.wait_for_picture(640, 480);
    for _ in 0..5 {
        first.kill();
        // Its last picture is dark.
        let is_there = |pixels: &_| wine::find(pixels, 640, 480).is_some();
        wine.screen
            .wait("no live picture", |pixels| !is_there(pixels));
        first = wine.send_again(&["--res", "640x480"]);
        wine.screen.wait("a live picture", is_there);
    }
    assert!(!viewer.has_ended());
    wine.screen.press("q");
    assert_eq!(viewer.wait().code(), Some(0));
}

#[test]
#[ignore = "long"]
fn on_windows_ctrl_c_ends_the_recording_and_a_second_one_all_at_once() {
    let Some(wine) = Wine::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mkv");
    let mut viewer = wine.command("view-recv", &SOMEWHERE);
    let mut viewer = Running::start(viewer.arg("--record").arg(&clip));
    let sender = wine.send(&mut viewer, &["--res", "640x480"]);
    wine.wait_for_picture(640, 480);
    viewer.signal("INT");
    let (status, lines) = viewer.end();
    assert_eq!(status.code(), Some(130), "{lines:#?}");
    assert!(
        lines.iter().any(|line| line.contains("recorded ")),
        "{lines:#?}"
    );
    assert!(frames_in(&clip) > 0);
    drop(sender);

    // Nobody reads what it writes: the end waits for a moment.
    let mut viewer = wine.command("view-recv", &SOMEWHERE);
    viewer.args(["--headless", "--output", "-"]);
    let mut viewer = Running::start_with(&mut viewer, Stdio::piped());
    let mut sender = wine.send(&mut viewer, &["--res", "1280x720", "--frames", "60"]);
    sender.wait();
    viewer.signal("INT");
    viewer.signal("INT");
    let (status, lines) = viewer.end();
    assert_eq!(status.code(), Some(ENDED_BY_CTRL_C), "{lines:#?}");
}

/// What a viewer says at its end, which has recorded all that came until somebody ended it; and the recording.
fn assert_ended_in_order(mut viewer: Running, clip: &Path) {
    let (status, lines) = viewer.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let last = lines.last().unwrap();
    assert!(last.contains("recorded "), "{lines:#?}");
    assert!(last.contains(&format!("{} frames", frames_in(clip))));
}

#[test]
#[ignore = "long"]
fn on_windows_ctrl_break_and_the_end_of_a_console_or_of_a_session_end_the_recording() {
    let Some(wine) = Wine::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let record = |name: &str, mut viewer: Command| {
        let clip = folder.path().join(name);
        viewer.arg("--record").arg(&clip).stdin(Stdio::piped());
        let mut viewer = Running::start(&mut viewer);
        let sender = wine.send(&mut viewer, &["--res", "640x480"]);
        viewer.wait_line("a recording", |line| {
            line.contains("recording").then_some(())
        });
        (clip, viewer, sender)
    };
    let headless = [SOMEWHERE[0], SOMEWHERE[1], "--headless"];
    for (name, event) in [("break.mkv", b"1"), ("close.mkv", b"2")] {
        let (clip, mut viewer, _sender) = record(name, wine.with_events("view-recv", &headless));
        viewer.take_stdin().unwrap().write_all(event).unwrap();
        assert_ended_in_order(viewer, &clip);
    }
    for (name, args) in [("headless.mkv", &headless[..]), ("window.mkv", &SOMEWHERE)] {
        let (clip, viewer, _sender) = record(name, wine.command("view-recv", args));
        wine.run(&mut wine.command("wineboot", &["--end-session"]));
        assert_ended_in_order(viewer, &clip);
    }
}

#[test]
#[ignore = "long"]
fn on_windows_a_double_click_opens_a_window_alone_or_a_box_that_says_what_is_wrong() {
    let Some(wine) = Wine::start() else { return };
    let program = wine.folder_of("view-recv").join("view-recv.exe");
    // As its file manager does.
    let double_click = |options: &[&str]| {
        let mut start = wine.command("start", &["/unix"]);
        wine.run(start.arg(&program).args(options));
    };
    let is_console = |title: &String| title.ends_with("view-recv.exe");
    let wait = |what: &str, so: &dyn Fn(&[String]) -> bool| {
        until(what, || so(&wine.screen.titles()).then_some(()));
    };
    double_click(&SOMEWHERE);
    wait("a window alone", &|titles| {
        titles
            .iter()
            .any(|title| title.contains("waiting for a camera"))
            && !titles.iter().any(is_console)
    });
    wine.screen.press("q");
    wait("no window", &|titles| titles.iter().all(String::is_empty));

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    double_click(&["--bind", &taken]);
    wait("a box, and the console still", &|titles| {
        titles.iter().any(|title| title == "Error") && titles.iter().any(is_console)
    });
    wine.screen
        .xdotool(&["search", "--name", "Error", "windowfocus", "key", "Return"]);
    wait("neither", &|titles| titles.iter().all(String::is_empty));
}

#[test]
#[ignore = "long"]
fn on_windows_small_pixels_make_a_small_picture_larger() {
    let Some(wine) = Wine::start() else { return };
    let desktop = r"HKEY_CURRENT_USER\Control Panel\Desktop";
    let density = [
        "add",
        desktop,
        "/v",
        "LogPixels",
        "/t",
        "REG_DWORD",
        "/f",
        "/d",
    ];
    let set = |dpi| wine.run(wine.command("reg", &density).arg(dpi));
    set("192");
    wine.end();
    let mut viewer = Running::start(&mut wine.command("view-recv", &SOMEWHERE));
    let _sender = wine.send(&mut viewer, &["--res", "320x240"]);
    // For the tests to come, whatever becomes of this one: what runs has asked already.
    set("96");
    wine.wait_for_picture(640, 480);
    wine.screen.press("q");
    assert_eq!(viewer.wait().code(), Some(0));
}

#[test]
#[ignore = "long"]
fn on_windows_it_ends_with_the_same_status_as_elsewhere() {
    let Some(wine) = Wine::start() else { return };
    let status = |args: &[&str]| {
        let (status, lines) = Running::start(&mut wine.command("view-recv", args)).end();
        (status.code(), lines.join("\n"))
    };
    assert_eq!(status(&["--version"]).0, Some(0));
    assert_eq!(status(&["--nonsense"]).0, Some(2));
    // Taken by somebody else, and by one of its own.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    let mut viewer =
        Running::start(&mut wine.command("view-recv", &["--headless", SOMEWHERE[0], SOMEWHERE[1]]));
    let own = viewer.listening_on().to_string();
    for address in [taken, own] {
        let (status, words) = status(&["--headless", "--bind", &address]);
        assert_eq!(status, Some(1), "{words}");
        assert!(words.contains("another view-recv running"), "{words}");
    }
    let mut once = Running::start(&mut wine.command(
        "view-recv",
        &["--headless", "--once", SOMEWHERE[0], SOMEWHERE[1]],
    ));
    let mut sender = wine.send(&mut once, &["--res", "320x240"]);
    once.wait_line("a sender", |line| line.contains("garden").then_some(()));
    sender.kill();
    assert_eq!(once.wait().code(), Some(1));
    // The window's close button.
    let mut viewer = Running::start(&mut wine.command("view-recv", &SOMEWHERE));
    let _sender = wine.send(&mut viewer, &["--res", "640x480"]);
    wine.wait_for_picture(640, 480);
    wine.screen.close_window();
    assert_eq!(viewer.wait().code(), Some(0));
}

#[test]
#[ignore = "long"]
fn on_windows_a_thousand_strangers_take_nothing_from_a_running_stream() {
    const STRANGERS: u64 = 1000;
    const AT_ONCE: u64 = 100;
    let Some(wine) = Wine::start() else { return };
    let mut viewer = wine.command("view-recv", &SOMEWHERE);
    let (mut viewer, figures) = Figures::start(viewer.args(["--stats", "json"]));
    let _sender = wine.send(&mut viewer, &["--res", "640x480", "--fps", "10"]);
    let address = wine.last_address();
    wine.wait_for_picture(640, 480);
    thread::scope(|scope| {
        for worker in 0..AT_ONCE {
            scope.spawn(move || {
                for number in (worker..STRANGERS).step_by(AT_ONCE as usize) {
                    let kinds = hostile::Kind::ALL;
                    let kind = kinds[number as usize % kinds.len()];
                    let from =
                        Ipv4Addr::new(127, 0, 1 + (number / 200) as u8, 1 + (number % 200) as u8);
                    hostile::visit(kind, from, address, number);
                }
            });
        }
    });
    wine.wait_for_picture(640, 480);
    wine.screen.press("q");
    let closing = figures.closing();
    let count = |name: &str| closing[name].as_u64().unwrap();
    println!("1,000 strangers: {closing}");
    assert!(count("shown") * 2 > count("frames"), "{closing}");
    assert_eq!(count("corrupt"), 0, "{closing}");
    assert_eq!(viewer.wait().code(), Some(0));
}

#[test]
#[ignore = "long"]
fn on_windows_pi_send_sends_its_test_picture() {
    let Some(wine) = Wine::start() else { return };
    let args = [
        "--once",
        "--headless",
        "--frames",
        "60",
        SOMEWHERE[0],
        SOMEWHERE[1],
    ];
    let mut viewer = Running::start(&mut common::view_recv(&args));
    let host = viewer.listening_on().to_string();
    let args = ["--source", "test", "--res", "640x480", "--host", &host];
    let mut sender = Running::start(&mut wine.command("pi-send", &args));
    assert_eq!(viewer.wait().code(), Some(0));
    sender.signal("INT");
    assert_eq!(sender.wait().code(), Some(130));
}
