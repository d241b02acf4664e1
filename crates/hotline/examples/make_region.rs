//! Packs a published `phone.dat` into the region file that the product ships:
//! `cargo run -p hotline --example make_region -- phone.dat data/region.bin`.

use std::process::ExitCode;

use hotline::region::{RegionData, RegionTable};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(from), Some(to)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: make_region PHONE_DAT REGION_BIN");
        return ExitCode::from(2);
    };
    match make(&from, &to) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn make(from: &str, to: &str) -> Result<String, Box<dyn std::error::Error>> {
    let data = RegionData::import(&std::fs::read(from)?)?;
    let bytes = data.to_bytes();
    std::fs::write(to, &bytes)?;
    let table = RegionTable::compile(&data);
    let (version, prefixes) = (table.version(), table.prefix_count());
    Ok(format!(
        "{to}: version {version}, {prefixes} prefixes, {} places, {} bytes",
        data.places.len(),
        bytes.len()
    ))
}
