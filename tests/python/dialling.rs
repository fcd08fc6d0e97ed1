//! The other way round: receivers that dial pi-send, and senders in Python that view-recv and receivers dial.

use super::common::figures::Figures;
use super::common::key::Key;
use super::common::{Running, free_port, pi_send, view_recv};
use super::{options, plain_and_with_a_key, script, value, words};

/// A pi-send that listens there, of a small test picture.
fn listening(at: &str, name: &str, key: Option<&Key>) -> (Running, String) {
    let args = [
        "--listen", at, "--name", name, "--source", "test", "--res", "320x240",
    ];
    let mut sender = Running::start(pi_send(&args).args(options(key)));
    let address = sender.listening_on().to_string();
    (sender, address)
}

#[test]
fn a_receiver_dials_several_that_listen_and_dials_again_when_one_was_killed() {
    for key in &plain_and_with_a_key() {
        let key = key.as_ref();
        let (mut garden, at) = listening("127.0.0.1:0", "garden", key);
        let (_porch, other) = listening("127.0.0.1:0", "porch", key);
        let mut receiving = Running::start(&mut script(&format!(
            "
for frame in Receiver(connect=['{at}', '{other}'], key={}):
    say(frame.camera, frame.stamp.seq)
",
            value(key)
        )));
        words(&mut receiving, "porch");
        words(&mut receiving, "garden");
        garden.kill();
        // Its last pictures may still be on their way; those of the next are others.
        let (_garden, _) = listening(&at, "garden-again", key);
        words(&mut receiving, "garden-again");
        words(&mut receiving, "porch");
    }
}

#[test]
fn pi_send_feeds_a_receiver_that_is_killed_and_dials_again() {
    for key in &plain_and_with_a_key() {
        let key = key.as_ref();
        let (_sender, at) = listening("127.0.0.1:0", "garden", key);
        for _ in 0..3 {
            let mut receiving = Running::start(&mut script(&format!(
                "
for frame in Receiver(connect='{at}', key={}):
    say('frame', frame.stamp.seq)
",
                value(key)
            )));
            for _ in 0..10 {
                words(&mut receiving, "frame");
            }
            receiving.kill();
        }
    }
}

#[test]
fn a_sender_that_listens_feeds_view_recv_and_receivers_and_goes_on_when_they_are_killed() {
    for key in &plain_and_with_a_key() {
        let key = key.as_ref();
        let at = format!("127.0.0.1:{}", free_port());
        let mut sending = Running::start(&mut script(&format!(
            "
import numpy
picture = numpy.zeros((240, 320, 3), 'uint8')
with Sender(listen='{at}', name='drawn', key={}) as sender:
    while True:
        picture[:, :, 0] += 1
        sender.send(picture)
        if len(sender.receivers) == 2 and sender.latency: say('both')
        time.sleep(1 / 30)
",
            value(key)
        )));
        let mut receiving = Running::start(&mut script(&format!(
            "
for frame in Receiver(connect='{at}', key={}):
    say(frame.camera, *frame.size)
",
            value(key)
        )));
        let args = ["--connect", &at, "--headless", "--stats", "json"];
        for _ in 0..2 {
            let (mut viewer, figures) = Figures::start(view_recv(&args).args(options(key)));
            figures.wait_for("latency", |figures| {
                (figures["name"] == "drawn").then(|| figures["latency_ms"].as_f64())?
            });
            words(&mut sending, "both");
            assert_eq!(words(&mut receiving, "drawn"), ["320", "240"]);
            viewer.kill();
        }
    }
}
