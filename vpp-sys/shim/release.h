/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where VPP's releases differ. FLOWMETER_VPP_RELEASE is a release's year and month, 2606 for 26.06;
 * build.rs reads it in VPP's version and gives it to all that includes VPP's headers.
 */
#ifndef included_vpp_shim_release_h
#define included_vpp_shim_release_h

#include <vnet/buffer.h>

#ifndef FLOWMETER_VPP_RELEASE
#error "FLOWMETER_VPP_RELEASE is not defined: see vpp-sys/build.rs"
#endif

/* The feature arc that a buffer is on, where current_config_index is an index of that arc. From 26.06
   it is one of all arcs, so buffers with the same one are at the same place. */
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
