//! Replies of the account API.
use http::StatusCode;
use serde::Serialize;

use super::super::EntityTag;
use super::{Content, Reply};

impl Reply {
    /// A representation with its tag (RFC 9110, section 8.8.3), as JSON whatever the client prefers. The tag is that of these
    /// bytes.
    pub fn representation(status: StatusCode, representation: &impl Serialize) -> Self {
        let reply = Self::document(status, representation);
        let Content::Document(json) = &reply.content else { return reply };
        let tag = EntityTag::of(json.to_string().as_bytes());
        Self { entity_tag: Some(tag), ..reply }
    }

    /// The tag of the representation, if it is one.
    pub fn entity_tag(&self) -> Option<&EntityTag> {
        self.entity_tag.as_ref()
    }

    /// That the client has this representation already (RFC 9110, section 15.4.5).
    #[must_use]
    pub fn not_modified(self) -> Self {
        Self { status: StatusCode::NOT_MODIFIED, content: Content::Nothing, ..self }
    }

    /// That something is done, and there is nothing to say.
    pub fn done() -> Self {
        Self::new(StatusCode::NO_CONTENT, Content::Nothing)
    }
}
