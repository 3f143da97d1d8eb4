// SPDX-License-Identifier: Apache-2.0
//! Why a request was refused: a line for the user of a command, and one of VPP's error codes for
//! the client of a message.

use vpp_sys as vpp;

/// A refused request. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    kind: RefusalKind,
    line: String,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:ident,)+) => {
        /// Kinds of refusals.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum RefusalKind {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl RefusalKind {
            /// VPP's error code, a `VNET_API_ERROR_`.
            pub(crate) const fn code(self) -> i32 {
                match self {
                    $(Self::$variant => vpp::$code,)+
                }
            }
        }
    };
}

reasons! {
    /// There is no such interface.
    NoInterface = vnet_api_error_t_VNET_API_ERROR_INVALID_SW_IF_INDEX,
    /// There is no such table.
    NoTable = vnet_api_error_t_VNET_API_ERROR_NO_SUCH_FIB,
    /// What is to be removed does not exist.
    NoEntry = vnet_api_error_t_VNET_API_ERROR_NO_SUCH_ENTRY,
    /// A number is out of range, or not a value of its enumeration.
    Value = vnet_api_error_t_VNET_API_ERROR_INVALID_VALUE,
    /// The collector's address is not a unicast address.
    Collector = vnet_api_error_t_VNET_API_ERROR_INVALID_DST_ADDRESS,
    /// The source address is not a unicast address.
    Source = vnet_api_error_t_VNET_API_ERROR_INVALID_SRC_ADDRESS,
    /// The address family is unknown, or two addresses have different families.
    Family = vnet_api_error_t_VNET_API_ERROR_INVALID_ADDRESS_FAMILY,
    /// There is no such thread.
    NoThread = vnet_api_error_t_VNET_API_ERROR_INVALID_WORKER,
    /// A name is empty, has no terminating zero, or cannot be an interface's name.
    Name = vnet_api_error_t_VNET_API_ERROR_ILLEGAL_NAME,
    /// The interface has no Ethernet frames.
    NotEthernet = vnet_api_error_t_VNET_API_ERROR_NON_ETHERNET,
    /// Packets would be counted twice.
    Conflict = vnet_api_error_t_VNET_API_ERROR_FEATURE_ALREADY_ENABLED,
    /// VPP refuses to enable a feature.
    Feature = vnet_api_error_t_VNET_API_ERROR_CANNOT_ENABLE_DISABLE_FEATURE,
    /// There is not enough memory for tables of this size.
    NoMemory = vnet_api_error_t_VNET_API_ERROR_TABLE_TOO_BIG,
    /// VPP has not enough memory for more messages.
    NoMessageMemory = vnet_api_error_t_VNET_API_ERROR_LIMIT_EXCEEDED,
    /// Another operation has to end first.
    Busy = vnet_api_error_t_VNET_API_ERROR_BUSY,
    /// Flows have been ended, but not all of their records have been sent yet.
    NotYet = vnet_api_error_t_VNET_API_ERROR_RESPONSE_NOT_READY,
    /// This client has not subscribed to events.
    NoRegistration = vnet_api_error_t_VNET_API_ERROR_INVALID_REGISTRATION,
    /// This client has too many queued requests.
    QueueFull = vnet_api_error_t_VNET_API_ERROR_QUEUE_FULL,
    /// The plugin did not start.
    NotStarted = vnet_api_error_t_VNET_API_ERROR_INIT_FAILED,
}

impl Refusal {
    pub(crate) fn new(kind: RefusalKind, line: impl Into<String>) -> Self {
        let line = line.into();
        Self { kind, line }
    }

    /// VPP's error code.
    pub(crate) const fn code(&self) -> i32 {
        self.kind.code()
    }
}

/// The line for the user.
impl From<Refusal> for String {
    fn from(refusal: Refusal) -> Self {
        refusal.line
    }
}
