//! Programs of others: Pis that listen and send lengths and JPEGs, PCs that dial and write commands back. Robot-car kits
//! and self-driving tutorials come with such pairs; these are plain imitations.

use std::process::{Command, Stdio};

use crate::common::{Running, free_port, pictures, python};
use crate::{listening, told, viewer};

/// A car's camera: listens on port 8000 and writes to whoever dials.
const PI: &str = "
import socket, struct, sys, time
jpeg = open(sys.argv[2], 'rb').read()
server_socket = socket.socket()
server_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server_socket.bind(('127.0.0.1', int(sys.argv[1])))
server_socket.listen(0)
while True:
    connection = server_socket.accept()[0].makefile('wb')
    try:
        for _ in range(int(sys.argv[3])):
            connection.write(struct.pack('<L', len(jpeg)))
            connection.write(jpeg)
            connection.flush()
            time.sleep(0.02)
        connection.write(struct.pack('<L', 0))
        connection.close()
    except OSError:
        pass
";

/// The one who drives: dials, maybe asks for pictures, reads them, and writes commands on the same connection.
const PC: &str = "
import socket, struct, sys, time
host, port = sys.argv[1].split(':')
client_socket = socket.socket()
client_socket.connect((host, int(port)))
connection = client_socket.makefile('rb')
if sys.argv[2] == 'asks':
    client_socket.sendall(b'GET /stream HTTP/1.0\\r\\n\\r\\n')
began = time.time()
for number in range(int(sys.argv[3])):
    length = struct.unpack('<L', connection.read(struct.calcsize('<L')))[0]
    jpeg = connection.read(length)
    assert jpeg[:2] == b'\\xff\\xd8' and jpeg[-2:] == b'\\xff\\xd9', number
    if sys.argv[2] == 'words':
        client_socket.sendall(b'forward\\n')
    elif sys.argv[2] == 'numbers':
        client_socket.sendall(struct.pack('<ii', 1, 90))
    elif sys.argv[2] == 'keys':
        client_socket.sendall(b'w')
    elif sys.argv[2] == 'floods' and number == 3:
        client_socket.setblocking(True)
        client_socket.settimeout(1)
        try:
            client_socket.sendall(bytes(range(256)) * 40000)
        except socket.timeout:
            pass
        client_socket.settimeout(30)
print(time.time() - began)
";

fn car(port: &str, frames: &str) -> Running {
    let picture = pictures::stripes(64, 48, &[[200, 30, 40]]);
    let file = pictures::file("dialling-car.jpg", &picture);
    let mut car = python();
    car.args(["-c", PI, port]).arg(file).arg(frames);
    Running::start(&mut car)
}

#[test]
fn a_car_that_listens_and_writes_lengths_and_jpegs_is_shown() {
    let port = free_port().to_string();
    let address = format!("127.0.0.1:{port}");
    let mut viewer = viewer(&address, &["--frames", "60"]);
    // It is there later than the viewer, and its streams are short.
    told(&mut viewer, "refused");
    let _car = car(&port, "50");
    told(&mut viewer, "receiving 64x48");
    told(&mut viewer, "ended the stream");
    assert_eq!(viewer.wait().code(), Some(0), "{:#?}", viewer.stderr());
}

fn drive(address: &str, how: &str, frames: usize) -> f64 {
    let mut pc: Command = python();
    pc.args(["-c", PC, address, how, &frames.to_string()]);
    let (mut pc, said) = Running::start_collecting(pc.stdin(Stdio::null()));
    let (status, lines) = pc.end();
    assert_eq!(status.code(), Some(0), "{how}: {lines:#?}");
    let said = String::from_utf8(said.join().expect("it is collected")).expect("it is text");
    said.trim().parse().expect("it is a number")
}

#[test]
fn whoever_writes_what_is_no_ack_gets_every_picture_all_the_same() {
    let (mut sender, address) = listening(&[]);
    for how in ["reads", "asks", "words", "numbers", "keys", "floods"] {
        let took = drive(&address, how, 100);
        // Of a receiver whose acks stay away it would be one a second.
        assert!(took < 20.0, "{how}: {took} s for 100 pictures");
    }
    assert!(!sender.has_ended());
    let panicked = sender.stderr().iter().any(|line| line.contains("panic"));
    assert!(!panicked, "{:#?}", sender.stderr());
}
