//! The program `layerscope`: its commands stand in `cli`.

fn main() {
    std::process::exit(cli::main(std::env::args_os()));
}
