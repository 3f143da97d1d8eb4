/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The differences between VPP's releases. FLOWMETER_VPP_RELEASE is a release's year and month, such
 * as 2606 for 26.06; build.rs reads it from VPP's version and defines it for all code that includes
 * VPP's headers.
 */
#ifndef included_vpp_shim_release_h
#define included_vpp_shim_release_h

#include <vnet/buffer.h>

#ifndef FLOWMETER_VPP_RELEASE
#error "FLOWMETER_VPP_RELEASE is not defined: see vpp-sys/build.rs"
#endif

/* The feature arc of a buffer, before 26.06: current_config_index is an index within that arc. From
   26.06 on it is an index within all arcs and identifies the position alone. */
static_always_inline u8
vpp_shim_feature_arc (const vlib_buffer_t *b)
{
#if FLOWMETER_VPP_RELEASE < 2606
  return vnet_buffer (b)->feature_arc_index;
#else
  return 0;
#endif
}

#endif /* included_vpp_shim_release_h */
