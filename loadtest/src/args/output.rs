//! The arguments for the output of a command.

use std::path::PathBuf;

use clap::Args;

/// The output.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Print one line of JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// Also write report.json, report.html, report.txt and .hlog files into this folder
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Show no progress
    #[arg(long)]
    pub quiet: bool,
}
