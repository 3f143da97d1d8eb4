// SPDX-License-Identifier: Apache-2.0
//! The files of the plugin that need nothing of VPP, with the tests that stand in them: the plugin
//! itself links only inside a VPP process, where tests/vpp tests it.

#[path = "../../plugin/src/control/asking.rs"]
mod asking;
#[path = "../../plugin/src/frontends/cli/cells.rs"]
mod cells;
#[path = "../../plugin/src/export/pacing.rs"]
mod pacing;
#[path = "../../plugin/src/frontends/cli/table.rs"]
mod table;
