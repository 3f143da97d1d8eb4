// SPDX-License-Identifier: Apache-2.0
//! Unit tests of the plugin's files that do not need VPP. The plugin itself links only inside a VPP
//! process, where tests/vpp tests it.

#[path = "../../plugin/src/frontends/cli/cells.rs"]
mod cells;
#[path = "../../plugin/src/export/pacing.rs"]
mod pacing;
#[path = "../../plugin/src/control/resolve_backoff.rs"]
mod resolve_backoff;
#[path = "../../plugin/src/frontends/cli/table.rs"]
mod table;
