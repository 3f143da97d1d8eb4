/* SPDX-License-Identifier: Apache-2.0 */
/* See vpp_shim.h. */

#include "vpp_shim.h"
#include "release.h"

#include <time.h>

#include <vlib/unix/unix.h>
#include <vnet/adj/adj.h>
#include <vnet/bonding/node.h>
#include <vnet/dpo/drop_dpo.h>
#include <vnet/dpo/load_balance.h>
#include <vnet/ethernet/ethernet.h>
#include <vnet/fib/ip4_fib.h>
#include <vnet/fib/ip6_fib.h>
#include <vnet/ip-neighbor/ip_neighbor.h>
#include <vnet/l2/l2_input.h>
#include <vnet/l2/l2_output.h>

/* Frames and buffers. */

u32 *
vpp_shim_frame_args (vlib_frame_t *frame)
{
  return vlib_frame_vector_args (frame);
}

uword
vpp_shim_buffer_memory (vlib_main_t *vm)
{
  return vm->buffer_main->buffer_mem_start;
}

u32
vpp_shim_buffer_data_size (vlib_main_t *vm)
{
  return vlib_buffer_get_default_data_size (vm);
}

u32
vpp_shim_buffer_length_in_chain (vlib_main_t *vm, vlib_buffer_t *buffer)
{
  return vlib_buffer_length_in_chain (vm, buffer);
}

u32
vpp_shim_buffer_alloc (vlib_main_t *vm, u32 *buffer_index)
{
  return vlib_buffer_alloc (vm, buffer_index, 1);
}

/* The rx and tx interfaces as one number. */
static_always_inline u64
both_interfaces (const vlib_buffer_t *b)
{
  u64 both;

  STATIC_ASSERT_SIZEOF (vnet_buffer (b)->sw_if_index, sizeof (both));
  __builtin_memcpy (&both, vnet_buffer (b)->sw_if_index, sizeof (both));
  return both;
}

vpp_shim_common_t
vpp_shim_feature_next (vlib_main_t *vm, const u32 *buffer_indices, u16 *nexts,
		       u16 *lengths, u32 n)
{
  vpp_shim_common_t common = {};
  vlib_buffer_t *first;
  u32 i, config, after, next, start, shortest;
  u64 interfaces, interfaces_differ = 0;
  u8 arc;

  if (n == 0)
    return common;

  first = vlib_get_buffer (vm, buffer_indices[0]);
  config = first->current_config_index;
  arc = vpp_shim_feature_arc (first);
  vnet_feature_next (&next, first);
  after = first->current_config_index;
  common.flags = first->flags;
  interfaces = both_interfaces (first);
  start = (u16) first->current_data;
  shortest = lengths[0] = first->current_length;

  /* Nearly always, all packets are at the same position of the same arc. */
  for (i = 1; i < n; i++)
    {
      vlib_buffer_t *b = vlib_get_buffer (vm, buffer_indices[i]);
      if (PREDICT_FALSE (b->current_config_index != config || vpp_shim_feature_arc (b) != arc))
	break;
      b->current_config_index = after;
      common.flags |= b->flags;
      interfaces_differ |= interfaces ^ both_interfaces (b);
      common.start_differs |= start ^ (u16) b->current_data;
      lengths[i] = b->current_length;
      shortest = clib_min (shortest, b->current_length);
    }
  common.next = next;
  common.one_next = i == n;
  if (PREDICT_FALSE (i < n))
    {
      for (u32 j = 0; j < i; j++)
	nexts[j] = next;
      for (; i < n; i++)
	{
	  vlib_buffer_t *b = vlib_get_buffer (vm, buffer_indices[i]);
	  common.flags |= b->flags;
	  interfaces_differ |= interfaces ^ both_interfaces (b);
	  common.start_differs |= start ^ (u16) b->current_data;
	  lengths[i] = b->current_length;
	  shortest = clib_min (shortest, b->current_length);
	  vnet_feature_next_u16 (nexts + i, b);
	}
    }
  common.interfaces_differ = interfaces_differ;
  common.start = (i16) start;
  common.shortest = shortest;
  return common;
}

void
vpp_shim_send (vlib_main_t *vm, u32 node_index, const u32 *buffer_indices, u32 n)
{
  vlib_frame_t *frame = vlib_get_frame_to_node (vm, node_index);

  clib_memcpy (vlib_frame_vector_args (frame), buffer_indices, n * sizeof (buffer_indices[0]));
  frame->n_vectors = n;
  vlib_put_frame_to_node (vm, node_index, frame);
}

void
vpp_shim_make_own (vlib_main_t *vm, u32 buffer_index, u16 length, u32 fib_index)
{
  vlib_buffer_t *b = vlib_get_buffer (vm, buffer_index);

  b->current_data = 0;
  b->current_length = length;
  b->total_length_not_including_first_buffer = 0;
  b->flags |= VLIB_BUFFER_TOTAL_LENGTH_VALID | VNET_BUFFER_F_FLOW_REPORT |
	      VNET_BUFFER_F_LOCALLY_ORIGINATED;
  vnet_buffer (b)->sw_if_index[VLIB_RX] = 0;
  vnet_buffer (b)->sw_if_index[VLIB_TX] = fib_index;
}

void
vpp_shim_enqueue_to_next (vlib_main_t *vm, vlib_node_runtime_t *node, u32 *buffer_indices,
			  u16 *nexts, u32 n)
{
  vlib_buffer_enqueue_to_next (vm, node, buffer_indices, nexts, n);
}

void
vpp_shim_enqueue_to_single_next (vlib_main_t *vm, vlib_node_runtime_t *node, u32 *buffer_indices,
				 u16 next, u32 n)
{
  vlib_buffer_enqueue_to_single_next (vm, node, buffer_indices, next, n);
}

/* Nodes, processes, threads. */

vlib_main_t *
vpp_shim_main (u16 thread_index)
{
  return vlib_get_main_by_index (thread_index);
}

u32
vpp_shim_n_threads (void)
{
  /* Known before the threads are created. */
  return vlib_get_thread_main ()->n_vlib_mains;
}

u32
vpp_shim_n_placed_threads (void)
{
  return vec_len (vlib_worker_threads);
}

i32
vpp_shim_thread_cpu (u32 thread_index)
{
  return vlib_worker_threads[thread_index].cpu_id;
}

i32
vpp_shim_thread_numa_node (u32 thread_index)
{
  return vlib_worker_threads[thread_index].numa_id;
}

u16
vpp_shim_thread_index (const vlib_main_t *vm)
{
  return vm->thread_index;
}

f64
vpp_shim_time_of_loop (const vlib_main_t *vm)
{
  const clib_time_t *c = &vm->clib_time;
  return c->total_cpu_time * c->seconds_per_clock + vm->time_offset;
}

f64
vpp_shim_time_now (vlib_main_t *vm)
{
  return vlib_time_now (vm);
}

f64
vpp_shim_clocks_per_second (const vlib_main_t *vm)
{
  return vm->clib_time.clocks_per_second;
}

u64
vpp_shim_cpu_time_now (void)
{
  return clib_cpu_time_now ();
}

u64
vpp_shim_unix_milliseconds (void)
{
  struct timespec now;
  clock_gettime (CLOCK_REALTIME, &now);
  return (u64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* No header of VPP declares it. */
extern char *vlib_plugin_app_version;

const char *
vpp_shim_version (void)
{
  return vlib_plugin_app_version;
}

u32
vpp_shim_registered_nodes (const char *name)
{
  const vlib_node_registration_t *r;
  u32 n = 0;

  for (r = vlib_get_global_main ()->node_registrations; r; r = r->next_registration)
    n += strcmp (r->name, name) == 0;
  return n;
}

u32
vpp_shim_node_index (vlib_main_t *vm, const char *name)
{
  vlib_node_t *node = vlib_get_node_by_name (vm, (u8 *) name);
  return node ? node->index : ~0;
}

void
vpp_shim_node_interrupt (vlib_main_t *vm, u32 node_index)
{
  vlib_node_set_interrupt_pending (vm, node_index);
}

void
vpp_shim_node_increment (vlib_main_t *vm, u32 node_index, u32 counter, u64 n)
{
  vlib_node_increment_counter (vm, node_index, counter, n);
}

u32
vpp_shim_process_suspends (vlib_main_t *vm, u32 node_index)
{
  return vlib_get_process_from_node (vm, vlib_get_node (vm, node_index))->n_suspends;
}

void
vpp_shim_process_suspend (vlib_main_t *vm, f64 seconds)
{
  vlib_process_suspend (vm, seconds);
}

void
vpp_shim_process_wait (vlib_main_t *vm, f64 seconds)
{
  vlib_process_wait_for_event_or_clock (vm, seconds);
  vlib_process_get_events (vm, 0);
}

void
vpp_shim_process_signal (vlib_main_t *vm, u32 node_index)
{
  vlib_process_signal_event (vm, node_index, 1, 0);
}

u8
vpp_shim_may_suspend (vlib_main_t *vm)
{
  return vlib_in_process_context (vm) && vlib_worker_threads[0].recursion_level == 0;
}

void
vpp_shim_barrier_sync (vlib_main_t *vm)
{
  vlib_worker_thread_barrier_sync (vm);
}

void
vpp_shim_barrier_release (vlib_main_t *vm)
{
  vlib_worker_thread_barrier_release (vm);
}

void *
vpp_shim_add_trace (vlib_main_t *vm, vlib_node_runtime_t *node, vlib_buffer_t *buffer, u32 octets)
{
  return vlib_add_trace (vm, node, buffer, octets);
}

void
vpp_shim_dispatch_pending (vlib_main_t *vm)
{
  vlib_node_main_t *nm = &vm->node_main;

  /* Nodes add to the vector during the loop, and may move it. */
  for (u32 i = 0; i < vec_len (nm->pending_frames); i++)
    {
      vlib_pending_frame_t pending = nm->pending_frames[i];
      vlib_node_runtime_t *node = vec_elt_at_index (
	nm->nodes_by_type[VLIB_NODE_TYPE_INTERNAL], pending.node_runtime_index);

      /* The next node that fills this frame has to get a new one. */
      if (pending.next_frame_index != VLIB_PENDING_FRAME_NO_NEXT_FRAME)
	{
	  vlib_next_frame_t *nf = vec_elt_at_index (nm->next_frames, pending.next_frame_index);
	  if (nf->frame == pending.frame)
	    {
	      nf->frame = 0;
	      nf->flags &= ~VLIB_FRAME_IS_ALLOCATED;
	    }
	}
      node->function (vm, node, pending.frame);
    }
  vec_reset_length (nm->pending_frames);
}

/* Command line, errors, log. */

u8 *
vpp_shim_unformat_line (unformat_input_t *input)
{
  unformat_input_t line;
  u8 *text;

  if (!unformat_user (input, unformat_line_input, &line))
    return 0;
  text = vpp_shim_unformat_rest (&line);
  unformat_free (&line);
  return text;
}

u8 *
vpp_shim_unformat_rest (unformat_input_t *input)
{
  u8 *text = 0;
  uword c;

  while ((c = unformat_get_input (input)) != UNFORMAT_END_OF_INPUT)
    vec_add1 (text, c);
  return text;
}

static u8 *
text_vector (const u8 *text, u32 length)
{
  u8 *s = 0;

  vec_add (s, text, length);
  return s;
}

void
vpp_shim_cli_output (vlib_main_t *vm, const u8 *text, u32 length)
{
  u8 *s = text_vector (text, length);
  vlib_cli_output (vm, "%v", s);
  vec_free (s);
}

clib_error_t *
vpp_shim_error (const u8 *text, u32 length)
{
  u8 *s = text_vector (text, length);
  clib_error_t *error = clib_error_return (0, "%v", s);
  vec_free (s);
  return error;
}

u32
vpp_shim_log_class (const char *name)
{
  return vlib_log_register_class ((char *) name, 0);
}

void
vpp_shim_log_warning (u32 log_class, const u8 *text, u32 length)
{
  u8 *s = text_vector (text, length);
  vlib_log_warn (log_class, "%v", s);
  vec_free (s);
}

void
vpp_shim_log_notice (u32 log_class, const u8 *text, u32 length)
{
  u8 *s = text_vector (text, length);
  vlib_log_notice (log_class, "%v", s);
  vec_free (s);
}

/* Interfaces. */

/* The kind, by the name of the device class. The next nodes of the interface's node cannot be used:
   a new interface may reuse the node of a removed one, with its next nodes. */
static vpp_shim_kind_t
kind (const vnet_sw_interface_t *si, vnet_hw_interface_t *hi, int is_ethernet)
{
  vnet_main_t *vnm = vnet_get_main ();
  const char *device;

  if (!hi)
    return VPP_SHIM_KIND_IP;
  device = vnet_get_device_class (vnm, hi->dev_class_index)->name;
  if (strcmp (device, "Pipe") == 0)
    return VPP_SHIM_KIND_LOGICAL;
  if (strcmp (device, "local") == 0)
    return VPP_SHIM_KIND_IP;
  if (!is_ethernet)
    return vnet_get_hw_interface_class (vnm, hi->hw_class_index)->flags &
		 (VNET_HW_INTERFACE_CLASS_FLAG_P2P | VNET_HW_INTERFACE_CLASS_FLAG_NBMA) ?
	     VPP_SHIM_KIND_IP :
	     VPP_SHIM_KIND_LOGICAL;
  /* A tunnel has no tx node. */
  if (si->type != VNET_SW_INTERFACE_TYPE_HARDWARE || hi->tx_node_index == 0)
    return VPP_SHIM_KIND_LOGICAL;
  if (hi->dev_class_index == bond_dev_class.index)
    return VPP_SHIM_KIND_BOND;
  if (strcmp (device, "Loopback") == 0 || strcmp (device, "BVI") == 0)
    return VPP_SHIM_KIND_LOOP;
  return VPP_SHIM_KIND_DEVICE;
}

static u32
bond_of (u32 sw_if_index)
{
  const member_if_t *member = bond_get_member_by_sw_if_index (sw_if_index);
  const bond_if_t *bond = member ? bond_get_bond_if_by_dev_instance (member->bif_dev_instance) : 0;

  return bond ? bond->sw_if_index : sw_if_index;
}

static vpp_shim_interface_t
describe (const vnet_sw_interface_t *si)
{
  vnet_main_t *vnm = vnet_get_main ();
  vnet_hw_interface_t *hi = vnet_get_sup_hw_interface_api_visible_or_null (vnm, si->sw_if_index);
  int is_ethernet = hi && hi->hw_class_index == ethernet_hw_interface_class.index;
  int one_vlan = si->type == VNET_SW_INTERFACE_TYPE_SUB &&
		 (si->sub.eth.flags.one_tag || si->sub.eth.flags.two_tags) &&
		 !si->sub.eth.flags.outer_vlan_id_any;

  return (vpp_shim_interface_t){
    .sw_if_index = si->sw_if_index,
    .sup_sw_if_index = si->sup_sw_if_index,
    .bond_sw_if_index = bond_of (si->sw_if_index),
    .vlan = one_vlan ? si->sub.eth.outer_vlan_id : 0,
    .kind = kind (si, hi, is_ethernet),
    .is_hardware = si->type == VNET_SW_INTERFACE_TYPE_HARDWARE,
    .is_ethernet = is_ethernet,
  };
}

void
vpp_shim_interfaces (vpp_shim_interface_fn_t *each, void *context)
{
  vnet_sw_interface_t *si;

  pool_foreach (si, vnet_get_main ()->interface_main.sw_interfaces)
    {
      vpp_shim_interface_t interface = describe (si);
      each (context, &interface);
    }
}

u8
vpp_shim_interface (u32 sw_if_index, vpp_shim_interface_t *interface)
{
  const vnet_sw_interface_t *si = vnet_get_sw_interface_or_null (vnet_get_main (), sw_if_index);

  if (!si)
    return 0;
  *interface = describe (si);
  return 1;
}

void
vpp_shim_bond_members (u32 sw_if_index, vpp_shim_number_fn_t *each, void *context)
{
  const bond_if_t *bond = bond_get_bond_if_by_sw_if_index (sw_if_index);
  const u32 *member;

  if (bond)
    vec_foreach (member, bond->members)
      each (context, *member);
}

void
vpp_shim_sub_interfaces (u32 sw_if_index, vpp_shim_number_fn_t *each, void *context)
{
  const vnet_hw_interface_t *hi = vnet_get_sup_hw_interface (vnet_get_main (), sw_if_index);
  u32 child;
  u64 id;

  if (hi->sw_if_index != sw_if_index)
    return;
  hash_foreach (id, child, hi->sub_interface_sw_if_index_by_id, ({ each (context, child); }));
}

u8
vpp_shim_has_bridged_arcs (u32 sw_if_index, u8 is_output)
{
  if (is_output)
    return (l2output_intf_config (sw_if_index)->feature_bitmap & L2OUTPUT_FEAT_OUTPUT_FEAT_ARC) !=
	   0;
  return (l2input_intf_config (sw_if_index)->feature_bitmap & L2INPUT_FEAT_INPUT_FEAT_ARC) != 0;
}

void
vpp_shim_restore_bridged_arcs (u32 sw_if_index, u8 is_output)
{
  if (is_output)
    l2output_intf_bitmap_enable (sw_if_index, L2OUTPUT_FEAT_OUTPUT_FEAT_ARC, 1);
  else
    l2input_intf_bitmap_enable (sw_if_index, L2INPUT_FEAT_INPUT_FEAT_ARC, 1);
}

static u32
copy_vector (const u8 *from, u8 *to, u32 size)
{
  u32 length = clib_min (vec_len (from), size);
  if (length)
    clib_memcpy (to, from, length);
  return length;
}

u32
vpp_shim_interface_name (u32 sw_if_index, u8 *name, u32 size)
{
  u8 *s = format (0, "%U", format_vnet_sw_if_index_name, vnet_get_main (), sw_if_index);
  u32 length = copy_vector (s, name, size);
  vec_free (s);
  return length;
}

u32
vpp_shim_interface_tag (u32 sw_if_index, u8 *tag, u32 size)
{
  u8 *s = vnet_get_sw_interface_tag (vnet_get_main (), sw_if_index);
  u32 length = copy_vector (s, tag, size);
  /* VPP stores tags with their terminating zero. */
  while (length && tag[length - 1] == 0)
    length--;
  return length;
}

u32
vpp_shim_interface_table (u32 sw_if_index, u8 is_ip6)
{
  const u32 *fibs = is_ip6 ? ip6_main.fib_index_by_sw_if_index : ip4_main.fib_index_by_sw_if_index;

  if (sw_if_index >= vec_len (fibs) || fibs[sw_if_index] == ~0)
    return 0;
  return fib_table_get_table_id (fibs[sw_if_index], is_ip6 ? FIB_PROTOCOL_IP6 : FIB_PROTOCOL_IP4);
}

u32
vpp_shim_interface_find (const u8 *name, u32 length)
{
  unformat_input_t input;
  u32 sw_if_index = ~0;

  unformat_init_string (&input, (char *) name, length);
  if (!unformat (&input, "%U", unformat_vnet_sw_interface, vnet_get_main (), &sw_if_index) ||
      unformat_check_input (&input) != UNFORMAT_END_OF_INPUT)
    sw_if_index = ~0;
  unformat_free (&input);
  return sw_if_index;
}

u8
vpp_shim_interface_address (u32 sw_if_index, u8 is_ip6, u8 *address)
{
  const void *first;
  u32 octets = is_ip6 ? sizeof (ip6_address_t) : sizeof (ip4_address_t);

  first = is_ip6 ? (void *) ip6_interface_first_address (&ip6_main, sw_if_index) :
		   (void *) ip4_interface_first_address (&ip4_main, sw_if_index, 0);
  if (first == 0)
    return 0;
  clib_memcpy (address, first, octets);
  return 1;
}

/* Gauges. */

u32
vpp_shim_gauge_add (const char *name)
{
  return vlib_stats_add_gauge ("%s", name);
}

void
vpp_shim_gauge_set (u32 index, u64 value)
{
  if (index != ~0)
    vlib_stats_set_gauge (index, value);
}

/* Features. */

void
vpp_shim_features (const char *arc, vpp_shim_feature_fn_t *each, void *context)
{
  const vnet_feature_main_t *fm = &feature_main;
  const char *last = 0;

  for (vnet_feature_arc_registration_t *a = fm->next_arc; a; a = a->next)
    if (strcmp (a->arc_name, arc) == 0)
      last = a->last_in_arc;
  for (vnet_feature_registration_t *f = fm->next_feature; f; f = f->next)
    {
      if (strcmp (f->arc_name, arc) != 0)
	continue;
      each (context, f->node_name, 0);
      for (char **later = f->runs_before; later && *later; later++)
	each (context, f->node_name, *later);
      for (char **earlier = f->runs_after; earlier && *earlier; earlier++)
	each (context, *earlier, f->node_name);
      if (last && strcmp (f->node_name, last) != 0)
	each (context, f->node_name, last);
    }
  /* Features of a chain may be missing: order each pair of it. */
  for (vnet_feature_constraint_registration_t *c = fm->next_constraint; c; c = c->next)
    if (strcmp (c->arc_name, arc) == 0)
      for (char **earlier = c->node_names; *earlier; earlier++)
	for (char **later = earlier + 1; *later; later++)
	  each (context, *earlier, *later);
}

/* Exporters. */

u8
vpp_shim_exporter (vpp_shim_exporter_t *exporter)
{
  const ipfix_exporter_t *e = 0, *each;

  pool_foreach (each, flow_report_main.exporters)
    if (!ip_address_is_zero (&each->ipfix_collector) && !ip_address_is_zero (&each->src_address))
      {
	e = each;
	break;
      }
  if (e == 0)
    return 0;
  clib_memset (exporter, 0, sizeof (*exporter));
  exporter->is_ip6 = ip_addr_version (&e->ipfix_collector) == AF_IP6;
  ip_address_copy_addr (exporter->collector, &e->ipfix_collector);
  ip_address_copy_addr (exporter->source, &e->src_address);
  exporter->fib_index = e->fib_index;
  exporter->path_mtu = e->path_mtu;
  exporter->template_interval = e->template_interval;
  exporter->port = e->collector_port;
  exporter->udp_checksum = e->udp_checksum;
  return 1;
}

u32
vpp_shim_flow_report_process (void)
{
  return flow_report_process_node.index;
}

static fib_protocol_t
protocol (u8 is_ip6)
{
  return is_ip6 ? FIB_PROTOCOL_IP6 : FIB_PROTOCOL_IP4;
}

static fib_source_t
fib_source (void)
{
  static fib_source_t source;
  if (source == FIB_SOURCE_INVALID)
    source = fib_source_allocate ("flowmeter", FIB_SOURCE_PRIORITY_LOW, FIB_SOURCE_BH_SIMPLE);
  return source;
}

u32
vpp_shim_fib_lock (u32 table_id, u8 is_ip6)
{
  u32 fib_index = fib_table_find (protocol (is_ip6), table_id);
  if (fib_index != ~0)
    fib_table_lock (fib_index, protocol (is_ip6), fib_source ());
  return fib_index;
}

void
vpp_shim_fib_unlock (u32 fib_index, u8 is_ip6)
{
  fib_table_unlock (fib_index, protocol (is_ip6), fib_source ());
}

vpp_shim_route_t
vpp_shim_route (u32 fib_index, u8 is_ip6, const u8 *address, u8 ask, u32 *adjacency)
{
  /* VPP's exporter may outlive its table. */
  if (is_ip6 ? pool_is_free_index (ip6_main.fibs, fib_index) :
	       pool_is_free_index (ip4_main.fibs, fib_index))
    return VPP_SHIM_ROUTE_NONE;

  index_t lbi = is_ip6 ?
			ip6_fib_table_fwding_lookup (fib_index, (const ip6_address_t *) address) :
			ip4_fib_forwarding_lookup (fib_index, (const ip4_address_t *) address);
  const load_balance_t *lb = load_balance_get (lbi);
  vpp_shim_route_t route = VPP_SHIM_ROUTE_NONE;

  for (u32 i = 0; i < lb->lb_n_buckets; i++)
    {
      const dpo_id_t *dpo = load_balance_get_bucket_i (lb, i);
      ip_address_t neighbour = {};

      switch (dpo->dpoi_type)
	{
	case DPO_DROP:
	case DPO_IP_NULL:
	  break;
	case DPO_ADJACENCY_INCOMPLETE:
	  *adjacency = dpo->dpoi_index;
	  if (ask)
	    ip_neighbor_probe (adj_get (dpo->dpoi_index));
	  route = clib_max (route, VPP_SHIM_ROUTE_UNRESOLVED);
	  break;
	case DPO_ADJACENCY_GLEAN:
	  *adjacency = dpo->dpoi_index;
	  ip_address_set (&neighbour, address, is_ip6 ? AF_IP6 : AF_IP4);
	  if (ask)
	    ip_neighbor_probe_dst (adj_get (dpo->dpoi_index)->rewrite_header.sw_if_index, 0,
				   is_ip6 ? AF_IP6 : AF_IP4, &neighbour.ip);
	  route = clib_max (route, VPP_SHIM_ROUTE_UNRESOLVED);
	  break;
	default:
	  return VPP_SHIM_ROUTE_RESOLVED;
	}
    }
  return route;
}
