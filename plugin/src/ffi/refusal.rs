// SPDX-License-Identifier: Apache-2.0
//! Why something was not done: a line for who typed a command, and one of VPP's error codes for
//! who sent a message.

use vpp_sys as vpp;

/// See the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    why: Why,
    line: String,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:ident,)+) => {
        /// Kinds of refusals.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Why {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Why {
            /// VPP's number of it, a `VNET_API_ERROR_`.
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
    /// What is to be taken away is not there.
    NoEntry = vnet_api_error_t_VNET_API_ERROR_NO_SUCH_ENTRY,
    /// A number is out of its range, or not one of those that there are.
    Value = vnet_api_error_t_VNET_API_ERROR_INVALID_VALUE,
    /// The collector's address is no unicast address.
    Collector = vnet_api_error_t_VNET_API_ERROR_INVALID_DST_ADDRESS,
    /// The source address is no unicast address.
    Source = vnet_api_error_t_VNET_API_ERROR_INVALID_SRC_ADDRESS,
    /// An address is of no family, or two are of different ones.
    Family = vnet_api_error_t_VNET_API_ERROR_INVALID_ADDRESS_FAMILY,
    /// There is no such thread.
    NoThread = vnet_api_error_t_VNET_API_ERROR_INVALID_WORKER,
    /// A name is empty, has no end, or can be no interface's.
    Name = vnet_api_error_t_VNET_API_ERROR_ILLEGAL_NAME,
    /// The interface has no frames of its own.
    NotEthernet = vnet_api_error_t_VNET_API_ERROR_NON_ETHERNET,
    /// Packets would be counted twice.
    Conflict = vnet_api_error_t_VNET_API_ERROR_FEATURE_ALREADY_ENABLED,
    /// VPP does not take a feature.
    Feature = vnet_api_error_t_VNET_API_ERROR_CANNOT_ENABLE_DISABLE_FEATURE,
    /// There is no memory for tables of this size.
    NoMemory = vnet_api_error_t_VNET_API_ERROR_TABLE_TOO_BIG,
    /// VPP has no memory for more messages.
    NoMessageMemory = vnet_api_error_t_VNET_API_ERROR_LIMIT_EXCEEDED,
    /// Something else has to end first.
    Busy = vnet_api_error_t_VNET_API_ERROR_BUSY,
    /// Flows have been ended, and their records have not all left yet.
    NotYet = vnet_api_error_t_VNET_API_ERROR_RESPONSE_NOT_READY,
    /// This client has not asked for events.
    NoRegistration = vnet_api_error_t_VNET_API_ERROR_INVALID_REGISTRATION,
    /// This client has too many requests waiting.
    QueueFull = vnet_api_error_t_VNET_API_ERROR_QUEUE_FULL,
    /// The plugin did not start.
    NotStarted = vnet_api_error_t_VNET_API_ERROR_INIT_FAILED,
}

impl Refusal {
    pub(crate) fn new(why: Why, line: impl Into<String>) -> Self {
        let line = line.into();
        Self { why, line }
    }

    /// VPP's number of it.
    pub(crate) const fn code(&self) -> i32 {
        self.why.code()
    }
}

/// What is said of it.
impl From<Refusal> for String {
    fn from(refusal: Refusal) -> Self {
        refusal.line
    }
}
