//! The command line: any number of URLs, and `--listen ADDRESS`.

#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) urls: Vec<String>,
    pub(crate) listen: Option<String>,
}

impl Args {
    pub(crate) fn from_env() -> Result<Self, String> {
        let mut this = Self::default();
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            if arg == "--listen" {
                let address = args.next().ok_or("--listen needs an address")?;
                this.listen = Some(address);
            } else if arg.starts_with('-') {
                return Err(format!("unknown option {arg}; known are URLs and --listen"));
            } else {
                this.urls.push(arg);
            }
        }
        Ok(this)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.urls.is_empty() && self.listen.is_none()
    }
}
