//! What `--stats json` says while a program runs.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;

use super::{PATIENCE, Running};

/// The objects that come out of a program's stdout, one a line.
pub struct Figures(Receiver<Value>);

impl Figures {
    /// Starts a program that was told `--stats json`.
    pub fn start(command: &mut Command) -> (Running, Figures) {
        let mut program = Running::start_with(command, Stdio::piped());
        let stdout = BufReader::new(program.take_stdout().expect("it is piped"));
        let (tell, objects) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let object = serde_json::from_str(&line)
                    .unwrap_or_else(|e| panic!("no JSON on stdout: {line:?}: {e}"));
                // A test that has seen enough does not listen any more.
                let _ = tell.send(object);
            }
        });
        (program, Figures(objects))
    }

    /// Waits for an object of which `find` makes something.
    pub fn wait_for<T>(&self, what: &str, find: impl Fn(&Value) -> Option<T>) -> T {
        let mut last = Value::Null;
        loop {
            match self.0.recv_timeout(PATIENCE) {
                Ok(object) => match find(&object) {
                    Some(found) => return found,
                    None => last = object,
                },
                Err(e) => panic!("no {what} in the figures ({e}), the last of which are {last}"),
            }
        }
    }

    /// Waits until the program says that it is in that state.
    pub fn wait_for_state(&self, state: &str) {
        self.wait_for(state, |figures| (figures["state"] == state).then_some(()));
    }

    /// Waits for the closing figures.
    pub fn closing(&self) -> Value {
        self.wait_for("closing line", |figures| {
            (figures["final"] == true).then(|| figures.clone())
        })
    }
}
