//! Writes the man pages and the shell completions of both programs, from the definitions that
//! `--help` is made of, so that they cannot say anything else.
//!
//! `cargo run --example manual -- DIRECTORY`; `scripts/package` puts what it writes into the packages:
//!
//! ```text
//! DIRECTORY/pi-send.1   DIRECTORY/pi-send.bash   DIRECTORY/_pi-send   DIRECTORY/pi-send.fish
//! DIRECTORY/view-recv.1 …
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_complete::Shell;

/// Those for which Debian has a place.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: manual DIRECTORY");
        return ExitCode::from(2);
    };
    let programs = [
        pi_stream::args::send::Options::command(),
        pi_stream::args::view::Options::command(),
    ];
    for program in programs {
        if let Err(error) = write(program, &directory) {
            eprintln!("manual: {}: {error}", directory.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Writes one program's files.
fn write(mut program: Command, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let name = program.get_name().to_owned();
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut program, &name, directory)?;
    }
    let mut page = File::create(directory.join(format!("{name}.1")))?;
    write_page(program, &mut page)
}

/// clap_mangen's page, with a synopsis that fits a line, and what stands below `--help` as sections.
fn write_page(program: Command, page: &mut dyn Write) -> io::Result<()> {
    let name = escaped(program.get_name());
    let notes = program.get_after_help().map(ToString::to_string);
    let man = clap_mangen::Man::new(program).manual("User Commands");
    man.render_title(page)?;
    man.render_name_section(page)?;
    writeln!(page, ".SH SYNOPSIS\n\\fB{name}\\fR [\\fIOPTIONS\\fR]")?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    for note in notes.iter().flat_map(|notes| notes.split("\n\n")) {
        let (heading, text) = note.split_once(':').unwrap_or(("Notes", note));
        writeln!(page, ".SH \"{}\"\n.nf", heading.to_uppercase())?;
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            writeln!(page, "{}", escaped(line))?;
        }
        writeln!(page, ".fi")?;
    }
    Ok(())
}

/// Text as roff takes it literally. No line of ours begins with a roff command.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}
