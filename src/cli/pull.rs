//! `glassbox pull`

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::files::print;
use crate::{
    config::Config,
    error::Result,
    model::{Connection, Published, Pulled},
};

/// Fetches a published model into the models directory: `vgg16`, the real one, trained on `ImageNet`
#[derive(Debug, Args)]
pub(super) struct Pull {
    /// The model
    #[arg(value_name = "NAME")]
    name: String,
    /// Where the file is, instead of the publisher's address
    #[arg(long)]
    url: Option<String>,
    /// The proxy, as `http://host:port`; by default that of `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY`, but for `NO_PROXY`
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Replace what is there
    #[arg(long)]
    force: bool,
}

impl Pull {
    pub(super) fn run(&self, config: &Config) -> Result<()> {
        let published = Published::find(&self.name)?;
        let urls = match &self.url {
            Some(url) => vec![url.clone()],
            None => published.urls_at(&config.models.mirror),
        };
        let connection = Connection { proxy: self.proxy.clone(), ..Connection::default() };
        let bar = ProgressBar::new(published.size).with_style(style());
        let progress = &mut |length| bar.set_position(length);
        let pulled = published.pull(&config.models.dir, &urls, self.force, &connection, progress);
        bar.finish_and_clear();
        let done = match pulled? {
            Pulled::Fetched => "fetched and checked",
            Pulled::AlreadyThere => "there already, and unharmed",
        };
        let directory = config.models.dir.join(&published.name);
        print(format!("{}: {done}\n", directory.display()).as_bytes())
    }
}

/// The bar, the bytes, and how fast they come.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
