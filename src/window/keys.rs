//! What the keys ask for.
//!
//! minifb tells of each key as it goes down and up, from within its own update, on the window's
//! thread; what it means is kept here until the loop asks. Polling minifb for pressed keys would lose
//! those that go down and up within one update. Layouts: letters and Space by key, the question
//! mark by character, for it is somewhere else on every keyboard.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use minifb::{InputCallback, Key};

/// A question mark that comes again so soon is the keyboard's repetition of one held down: X11
/// begins to repeat after 660 ms at most by default, and then every 40 ms.
const REPEATED: Duration = Duration::from_millis(700);

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// End the program.
    Quit,
    /// Leave what was entered last: help, full screen, at last the program.
    Escape,
    /// Show or hide the figures.
    Overlay,
    /// Show or hide the keys.
    Help,
    /// Freeze the picture, or go on.
    Freeze,
    /// Turn by a quarter, clockwise.
    Turn,
    /// Mirror left to right.
    Mirror,
    /// Save the picture.
    Snapshot,
    /// Start or end a recording.
    Record,
    /// Fill the screen, or leave that.
    FullScreen,
}

/// The keyboard: its two ends are minifb's call-back and the loop.
#[derive(Debug, Clone, Default)]
pub struct Keys(Rc<RefCell<Keyboard>>);

#[derive(Debug, Default)]
struct Keyboard {
    asked: VecDeque<Action>,
    down: HashSet<Key>,
    question: Option<Instant>,
}

impl Keys {
    /// The oldest wish not yet taken.
    pub fn next(&self) -> Option<Action> {
        self.0.borrow_mut().asked.pop_front()
    }

    /// Forgets which keys are down: their release goes to another window after this one lost the focus.
    pub fn let_go(&self) {
        self.0.borrow_mut().down.clear();
    }
}

impl InputCallback for Keys {
    fn add_char(&mut self, character: u32) {
        if character == u32::from('?') {
            self.0.borrow_mut().question_mark(Instant::now());
        }
    }

    fn set_key_state(&mut self, key: Key, down: bool) {
        self.0.borrow_mut().key(key, down);
    }
}

impl Keyboard {
    fn key(&mut self, key: Key, down: bool) {
        if !down {
            self.down.remove(&key);
            return;
        }
        // One that is down already is being repeated. With Ctrl, Alt or Super it is for the desktop.
        let first = self.down.insert(key);
        let chord = self.down.iter().any(|key| is_modifier(*key));
        if first && !chord {
            self.asked.extend(meaning(key));
        }
    }

    fn question_mark(&mut self, now: Instant) {
        let repeated = self
            .question
            .is_some_and(|last| now.duration_since(last) < REPEATED);
        self.question = Some(now);
        if !repeated {
            self.asked.push_back(Action::Help);
        }
    }
}

fn is_modifier(key: Key) -> bool {
    use Key::{LeftAlt, LeftCtrl, LeftSuper, RightAlt, RightCtrl, RightSuper};
    matches!(
        key,
        LeftAlt | RightAlt | LeftCtrl | RightCtrl | LeftSuper | RightSuper
    )
}

fn meaning(key: Key) -> Option<Action> {
    Some(match key {
        Key::Q => Action::Quit,
        Key::Escape => Action::Escape,
        Key::I => Action::Overlay,
        Key::H => Action::Help,
        Key::Space => Action::Freeze,
        Key::R => Action::Turn,
        Key::M => Action::Mirror,
        Key::S => Action::Snapshot,
        Key::V => Action::Record,
        Key::F => Action::FullScreen,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(keys: &Keys) -> Vec<Action> {
        std::iter::from_fn(|| keys.next()).collect()
    }

    #[test]
    fn a_key_that_goes_down_and_up_at_once_counts() {
        let keys = Keys::default();
        let mut minifb = keys.clone();
        for _ in 0..2 {
            minifb.set_key_state(Key::R, true);
            minifb.set_key_state(Key::R, false);
        }
        assert_eq!(drain(&keys), [Action::Turn, Action::Turn]);
    }

    #[test]
    fn a_key_held_down_counts_once() {
        let keys = Keys::default();
        let mut minifb = keys.clone();
        for _ in 0..5 {
            minifb.set_key_state(Key::Space, true);
            minifb.add_char(u32::from('?'));
        }
        assert_eq!(drain(&keys), [Action::Freeze, Action::Help]);
    }

    #[test]
    fn the_desktops_own_shortcuts_are_left_alone() {
        let keys = Keys::default();
        let mut minifb = keys.clone();
        minifb.set_key_state(Key::LeftSuper, true);
        minifb.set_key_state(Key::H, true);
        assert_eq!(drain(&keys), []);
        // The desktop took the focus, and with it the releases.
        keys.let_go();
        minifb.set_key_state(Key::H, true);
        assert_eq!(drain(&keys), [Action::Help]);
    }
}
