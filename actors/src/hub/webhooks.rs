//! Webhooks, as the edge asks for them.

use super::Hub;
use crate::webhooks::WebhookAdmin;

impl Hub {
    /// Returns the operator's acts on webhooks.
    #[must_use]
    pub fn webhooks(&self) -> &WebhookAdmin {
        &self.0.webhook_admin
    }
}
