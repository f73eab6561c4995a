//! An nginx for one test, as Debian packages it, with a site that the test gives it. It ends with the test's process.
//!
//! It needs Debian's package `nginx`, and no running server, no privileges.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::keeper::{self, Keeper};

const PROGRAM: &str = "/usr/sbin/nginx";

/// The configuration around a site: Debian's `nginx.conf`, with all files in the test's own folder.
const MAIN: &str = "daemon off;\npid pid;\nerror_log stderr;\nevents { worker_connections 768; }\nhttp {\n\
     client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n\
     sendfile on; tcp_nopush on; types_hash_max_size 2048; default_type application/octet-stream; gzip on;\n\
     include site.conf;\n}\n";

/// Tells whether tests that need nginx are to run (`CHAT_TEST_NGINX=1`); prints that the test is skipped if not.
#[must_use]
pub fn wanted(test: &str) -> bool {
    keeper::wanted("CHAT_TEST_NGINX", test)
}

/// Returns a free port for a site.
#[must_use]
pub fn free_port() -> u16 {
    keeper::free_port()
}

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    folder: PathBuf,
    keeper: Option<Keeper>,
}

impl Nginx {
    /// Starts nginx with a site that listens on a port; the site's relative paths are below the server's folder.
    ///
    /// # Panics
    /// If nginx is not installed, or refuses the site.
    #[must_use]
    pub fn start(site: &str, port: u16) -> Self {
        assert!(Path::new(PROGRAM).exists(), "no nginx is installed: run scripts/setup");
        let folder = keeper::own_folder("nginx", port);
        std::fs::write(folder.join("nginx.conf"), MAIN).unwrap();
        std::fs::write(folder.join("site.conf"), site).unwrap();
        let mut server = Command::new(PROGRAM);
        server.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(&folder);
        let keeper = Some(Keeper::run(&server, &folder, "TERM"));
        let server = Self { folder, keeper };
        keeper::try_wait_for(|| keeper::listens(port))
            .unwrap_or_else(|()| panic!("nginx does not start: {}", server.log()));
        server
    }

    /// Returns nginx's error log.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        keeper::ends(self.keeper.take(), &self.folder);
    }
}
