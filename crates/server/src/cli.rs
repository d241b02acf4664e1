//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::Config;

#[derive(Parser)]
#[command(name = "sibai", version, about = "A 400-hotline platform")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the platform until a signal ends it.
    Serve {
        /// The configuration file.
        #[arg(long, default_value = "sibai.toml")]
        config: PathBuf,
    },
}

/// Does what the command line says.
pub fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve { config } => serve(&config),
    }
}

fn serve(file: &std::path::Path) -> ExitCode {
    let config = match Config::read(file) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    crate::log::start(config.log.format, &config.log.level);
    match crate::serve::serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sibai: {error}");
            ExitCode::FAILURE
        }
    }
}
