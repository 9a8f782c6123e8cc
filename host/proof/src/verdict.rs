//! How a proof ends. The codes are for programs and never change; the meanings are for people.

use serde::{Deserialize, Serialize};

/// The end of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The file is kept as the work's.
    Accepted(Identity),
    /// The file is not the work, or not all of it.
    Rejected(Reason),
}

/// What is known about an accepted file being the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Identity {
    /// Its title or its own identifier is the work's.
    Proven,
    /// Nothing in it can be compared, as in a scan; it is accepted because of what proposed it.
    Unproven,
    /// The comparison is switched off.
    Unchecked,
}

impl Identity {
    /// The word used in the manifest.
    pub fn label(self) -> &'static str {
        self.into()
    }
}

macro_rules! reasons {
    ($($(#[$retryable:ident])? $name:ident $code:literal $meaning:literal,)*) => {
        /// What a file is instead of the work.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $(#[doc = $meaning] $name,)*
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code in manifests and trails.
            pub fn code(&self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What the code means, in one line.
            pub fn meaning(&self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// Whether the same candidate may be accepted another time.
            pub fn retryable(&self) -> bool {
                match self { $(Self::$name => reasons!(@retryable $($retryable)?),)* }
            }
        }
    };
    (@retryable retryable) => { true };
    (@retryable) => { false };
}

reasons! {
    NotPdf "not_pdf" "the file is not a PDF",
    NotJats "not_jats" "the file is no article in XML (JATS)",
    #[retryable] Truncated "truncated" "the file ends before it is complete",
    Damaged "damaged" "the file is broken beyond reading",
    #[retryable] Unexamined "unexamined" "this machine could not examine the file",
    Encrypted "encrypted" "the file opens only with a password",
    Placeholder "placeholder" "the file says that the article is not available",
    Preview "preview" "the file has far fewer pages than the work",
    AbstractOnly "abstract_only" "the file holds the abstract and not the text",
    Supplement "supplement" "the file is supplementary material of the work",
    Notice "notice" "the file is a correction or a retraction of the work",
    WrongWork "wrong_work" "the file is another work",
    Unproven "unproven" "nothing shows that the file is the work, and the policy asks for more",
}
