//! Where the virtual camera is found, what it shows, and processes that use it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The colours of [`picture`]'s corners; no flip or turn leaves it as it is.
pub const CORNERS: [(&str, [u8; 3]); 4] = [
    ("top-left", [200, 30, 30]),
    ("top-right", [30, 180, 40]),
    ("bottom-left", [40, 50, 190]),
    ("bottom-right", [210, 200, 60]),
];

/// libcamera, built for the tests, and the shim that stands in for a kernel without dma-bufs.
pub struct Lab {
    shim: PathBuf,
}

/// A process that uses the camera, to be started.
pub struct Scene<'a> {
    lab: &'a Lab,
    yaml: PathBuf,
    rate: String,
    heaps: String,
}

/// What such a process said.
pub struct Run {
    pub text: String,
    status: std::process::ExitStatus,
}

/// What the shim counted.
#[derive(Debug)]
pub struct ShimStats {
    pub heap: u64,
    pub sync_start: u64,
    pub sync_end: u64,
}

impl Lab {
    /// The lab; `None`, loudly, where the user chose to do without.
    pub fn find() -> Option<Lab> {
        if env::var_os("PI_STREAM_WITHOUT_CAMERA").is_some_and(|value| value == "1") {
            eprintln!("SKIPPED: PI_STREAM_WITHOUT_CAMERA=1, nothing is known about the camera");
            return None;
        }
        let shim = env::var_os("PI_STREAM_LAB_SHIM").map(PathBuf::from);
        let shim = shim.expect(
            "PI_STREAM_LAB_SHIM is not set: run the tests through scripts/test, or take the variables of \
             scripts/camera-lab, or set PI_STREAM_WITHOUT_CAMERA=1 to leave the camera untested",
        );
        assert!(shim.exists(), "{} does not exist", shim.display());
        Some(Lab { shim })
    }

    /// A machine with virtual cameras of that description.
    pub fn virtual_camera(&self, yaml: &Path) -> Scene<'_> {
        Scene {
            lab: self,
            yaml: yaml.to_owned(),
            rate: "60".into(),
            heaps: String::new(),
        }
    }

    /// A machine without any.
    pub fn no_camera(&self) -> Scene<'_> {
        self.virtual_camera(Path::new("/nonexistent/virtual.yaml"))
    }
}

impl Scene<'_> {
    pub fn fps(self, fps: u32) -> Self {
        self.shim_rate(&fps.to_string())
    }

    pub fn shim_rate(mut self, rate: &str) -> Self {
        self.rate = rate.into();
        self
    }

    /// Emulates these heaps; their names, with colons between.
    pub fn heaps(mut self, heaps: &str) -> Self {
        self.heaps = heaps.into();
        self
    }

    /// Lets a program that is to be started have these cameras.
    pub fn give_to(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.lab.shim)
            .env("LCSHIM_FPS", &self.rate)
            .env("LCSHIM_VIRTUAL_YAML", &self.yaml);
        if !self.heaps.is_empty() {
            command.env("LCSHIM_HEAPS", &self.heaps);
        }
    }

    /// Plays the scene and waits for its end.
    pub fn play(self, scene: &str, settings: &[(&str, &str)]) -> Run {
        let binary = env::current_exe().expect("a test has a file");
        let mut command = Command::new(binary);
        command
            .args(["--exact", "scene", "--ignored", "--nocapture"])
            .env("SCENE", scene)
            // glibc gives each new thread one of several heaps, as it comes: they would all have to grow
            // before memory is level.
            .env("MALLOC_ARENA_MAX", "1")
            .env("LCSHIM_STATS", "1");
        self.give_to(&mut command);
        if !self.heaps.is_empty() {
            command.env("LCSHIM_DEBUG", "1");
        }
        for (name, value) in settings {
            command.env(format!("SCENE_{name}"), value);
        }
        let output = command.output().expect("the test's own binary runs");
        Run {
            text: String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr),
            status: output.status,
        }
    }
}

impl Run {
    pub fn succeeded(&self) {
        assert!(self.status.success(), "{}: {}", self.status, self.text);
        assert!(self.lines("error").next().is_none(), "{}", self.text);
    }

    /// The scene's lines of that name.
    pub fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let prefix = format!("{name}: ");
        self.text
            .lines()
            .filter_map(move |line| line.strip_prefix(&prefix))
    }

    /// The scene's last line of that name.
    pub fn value<'a>(&'a self, name: &'a str) -> &'a str {
        self.lines(name)
            .last()
            .unwrap_or_else(|| panic!("no {name}: {}", self.text))
    }

    /// Checks a colour to a few steps: what 4:2:0 and whole numbers cost.
    pub fn has_colour(&self, place: &str, expected: [u8; 3]) {
        let found = numbers(self.value(place));
        assert!(
            near(found, expected),
            "{place}: {found:?} instead of {expected:?}"
        );
    }

    /// From the first line that begins so to the last that ends so.
    pub fn between(&self, start: &str, end: &str) -> String {
        let from = self.text.find(&format!("\n{start}")).expect(start) + 1;
        let to = self.text.rfind(end).expect(end) + end.len();
        self.text[from..to].to_string()
    }

    /// Whether we took buffers of that heap; libcamera itself opens heaps earlier, and takes none.
    pub fn shim_opened(&self, heap: &str) -> bool {
        let opened = self
            .text
            .lines()
            .rfind(|line| line.contains("open /dev/dma_heap/"));
        opened.is_some_and(|line| line.contains(&format!("/dev/dma_heap/{heap} ")))
    }

    pub fn shim_stats(&self) -> ShimStats {
        let line = self
            .text
            .lines()
            .find(|line| line.contains("heap-alloc"))
            .expect("LCSHIM_STATS");
        let words: Vec<&str> = line.split(' ').collect();
        let after = |name: &str| {
            let at = words.iter().position(|word| *word == name).expect(name);
            words[at + 1].parse().unwrap()
        };
        ShimStats {
            heap: after("heap-alloc"),
            sync_start: after("sync-start"),
            sync_end: after("sync-end"),
        }
    }
}

/// Three numbers of a line.
pub fn numbers(line: &str) -> [u8; 3] {
    let numbers: Vec<u8> = line
        .split(' ')
        .map(|number| number.parse().unwrap())
        .collect();
    numbers.try_into().unwrap()
}

pub fn near(found: [u8; 3], expected: [u8; 3]) -> bool {
    found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 4)
}

/// Two cameras with test patterns.
pub fn bars() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/camera-lab/virtual.yaml")
}

/// A camera that shows a picture with a colour in each corner; `name` keeps tests apart.
pub fn picture(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("camera-{name}-{count}"));
    fs::create_dir_all(&folder).unwrap();
    let image = image::RgbImage::from_fn(640, 480, |x, y| {
        image::Rgb(CORNERS[usize::from(x >= 320) + 2 * usize::from(y >= 240)].1)
    });
    let jpeg = folder.join("picture.jpg");
    let file = fs::File::create(&jpeg).unwrap();
    image::codecs::jpeg::JpegEncoder::new_with_quality(file, 100)
        .encode_image(&image)
        .unwrap();
    let yaml = folder.join("virtual.yaml");
    let text = format!(
        "\"Virtual0\":\n  supported_formats:\n  - width: 640\n    height: 480\n    frame_rates: [30, 60]\n  \
         frames:\n    path: \"{}\"\n    scale_mode: \"fill\"\n  location: \"CameraLocationFront\"\n  \
         model: \"Virtual Video Device\"\n",
        jpeg.display()
    );
    fs::write(&yaml, text).unwrap();
    yaml
}

/// A machine of its own with these cameras, which show test patterns: id, width, height. What the file says
/// when libcamera starts is what is plugged in then.
pub fn machine(cameras: &[(&str, u32, u32)]) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let yaml = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("camera-machine-{count}.yaml"));
    let text: String = cameras
        .iter()
        .map(|(id, width, height)| {
            format!(
                "\"{id}\":\n  supported_formats:\n  - width: {width}\n    height: {height}\n    \
                 frame_rates: [30, 60]\n  test_pattern: \"bars\"\n  location: \"CameraLocationFront\"\n  \
                 model: \"Model of {id}\"\n"
            )
        })
        .collect();
    fs::write(&yaml, text).unwrap();
    yaml
}

/// Keeps every core busy while it lives.
pub struct Load {
    stop: Arc<AtomicBool>,
}

impl Load {
    pub fn start() -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..std::thread::available_parallelism().map_or(2, |cores| cores.get()) {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Load { stop }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
