/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flowprobe's messages, from the headers in VPP's -dev package. The handlers call Rust.
 */

#include "vpp_shim.h"
#include "flowmeter_flowprobe.h"
#include "messages.h"
#include "api.h"

#include <vppinfra/cJSON.h>
#include <vlibapi/api.h>
#include <vlibmemory/api.h>
#include <vnet/format_fns.h>

#include <vpp_plugins/flowprobe/flowprobe.api_enum.h>
#include <vpp_plugins/flowprobe/flowprobe.api_types.h>

#define vl_endianfun
#include <vpp_plugins/flowprobe/flowprobe.api.h>
#undef vl_endianfun
#define vl_calcsizefun
#include <vpp_plugins/flowprobe/flowprobe.api.h>
#undef vl_calcsizefun
#define vl_msg_name_crc_list
#include <vpp_plugins/flowprobe/flowprobe.api.h>
#undef vl_msg_name_crc_list

/* Clients such as vpp_api_test look the messages up by the name and CRC of the API file. */
#define vl_api_version(file, crc) static const u32 file_crc = crc;
#include <vpp_plugins/flowprobe/flowprobe.api.h>
#undef vl_api_version

static u16 message_base;

#define REPLY_MSG_ID_BASE message_base
#include <vlibapi/api_helper_macros.h>

#define HANDLER(message, id, call)                                                                 \
  static void vl_api_##message##_t_handler (vl_api_##message##_t *mp)                              \
  {                                                                                                \
    vl_api_##message##_reply_t *rmp;                                                               \
    int rv = call;                                                                                 \
                                                                                                   \
    /* VPP's main thread would wait for a client that does not read. */                            \
    if (api_room_for_reply (mp->client_index) > 0)                                                 \
      REPLY_MACRO (id);                                                                            \
  }

HANDLER (flowprobe_tx_interface_add_del, VL_API_FLOWPROBE_TX_INTERFACE_ADD_DEL_REPLY,
	 flowmeter_flowprobe_tx_interface_add_del (clib_net_to_host_u32 (mp->sw_if_index),
						   mp->which, mp->is_add))

HANDLER (flowprobe_interface_add_del, VL_API_FLOWPROBE_INTERFACE_ADD_DEL_REPLY,
	 flowmeter_flowprobe_interface_add_del (clib_net_to_host_u32 (mp->sw_if_index), mp->which,
						mp->direction, mp->is_add))

HANDLER (flowprobe_params, VL_API_FLOWPROBE_PARAMS_REPLY,
	 flowmeter_flowprobe_set_params (mp->record_flags, clib_net_to_host_u32 (mp->active_timer),
					 clib_net_to_host_u32 (mp->passive_timer), 0))

HANDLER (flowprobe_set_params, VL_API_FLOWPROBE_SET_PARAMS_REPLY,
	 flowmeter_flowprobe_set_params (mp->record_flags, clib_net_to_host_u32 (mp->active_timer),
					 clib_net_to_host_u32 (mp->passive_timer), 1))

static void
vl_api_flowprobe_get_params_t_handler (vl_api_flowprobe_get_params_t *mp)
{
  vl_api_flowprobe_get_params_reply_t *rmp;
  u32 parameters[3] = {};
  int rv = 0;

  if (api_room_for_reply (mp->client_index) <= 0)
    return;
  flowmeter_flowprobe_get_params (&parameters);
  REPLY_MACRO2 (VL_API_FLOWPROBE_GET_PARAMS_REPLY, ({
		  rmp->record_flags = parameters[0];
		  rmp->active_timer = clib_host_to_net_u32 (parameters[1]);
		  rmp->passive_timer = clib_host_to_net_u32 (parameters[2]);
		}));
}

typedef struct
{
  u32 client;
  u32 context;
} dump_t;

static int32_t
send_details (void *context, u32 sw_if_index, u8 which, u8 direction)
{
  const dump_t *dump = context;
  vl_api_flowprobe_interface_details_t *mp;
  int32_t room = api_room (dump->client);

  if (room <= 0)
    return room;
  mp = vl_msg_api_alloc_or_null (sizeof (*mp));
  if (mp == 0)
    return 0;
  clib_memset (mp, 0, sizeof (*mp));
  mp->_vl_msg_id = clib_host_to_net_u16 (VL_API_FLOWPROBE_INTERFACE_DETAILS + message_base);
  mp->context = dump->context;
  mp->which = which;
  mp->direction = direction;
  mp->sw_if_index = clib_host_to_net_u32 (sw_if_index);
  vl_api_send_msg (vl_api_client_index_to_registration (dump->client), (u8 *) mp);
  return 1;
}

static void
vl_api_flowprobe_interface_dump_t_handler (vl_api_flowprobe_interface_dump_t *mp)
{
  dump_t dump = {
    .client = mp->client_index,
    .context = mp->context,
  };

  flowmeter_flowprobe_interfaces (clib_net_to_host_u32 (mp->sw_if_index), send_details, &dump);
}

/* Output of `api trace`: names of fields and numbers. */

typedef struct
{
  const char *name;
  u8 offset;
  u8 octets;
} field_t;

/* VPP converts messages to host byte order before it shows them. */
static u32
value (const field_t *field, const void *message)
{
  const u8 *octets = (const u8 *) message + field->offset;
  u32 number;

  if (field->octets == 1)
    return *octets;
  clib_memcpy (&number, octets, sizeof (number));
  return number;
}

static cJSON *
to_json (const char *name, const field_t *fields, u32 n_fields, const void *message)
{
  cJSON *object = cJSON_CreateObject ();

  cJSON_AddStringToObject (object, "_msgname", name);
  for (u32 i = 0; i < n_fields; i++)
    cJSON_AddNumberToObject (object, fields[i].name, value (&fields[i], message));
  return object;
}

static u8 *
format_fields (u8 *s, const char *name, const field_t *fields, u32 n_fields, const void *message)
{
  s = format (s, "%s:", name);
  for (u32 i = 0; i < n_fields; i++)
    s = format (s, " %s %u", fields[i].name, value (&fields[i], message));
  return s;
}

#define FIELD(message, field)                                                                      \
  {                                                                                                \
    #field, STRUCT_OFFSET_OF (vl_api_##message##_t, field),                                        \
      STRUCT_SIZE_OF (vl_api_##message##_t, field)                                                 \
  }

#define SHOWN(message, ...)                                                                        \
  static const field_t message##_fields[] = { __VA_ARGS__ };                                       \
  static cJSON *message##_to_json (const void *mp)                                                 \
  {                                                                                                \
    return to_json (#message, message##_fields, ARRAY_LEN (message##_fields), mp);                 \
  }                                                                                                \
  static u8 *format_##message (u8 *s, va_list *args)                                               \
  {                                                                                                \
    const void *mp = va_arg (*args, const void *);                                                 \
    return format_fields (s, #message, message##_fields, ARRAY_LEN (message##_fields), mp);        \
  }

#define SHOWN_REPLY(message) SHOWN (message, FIELD (message, context), FIELD (message, retval))
#define SHOWN_PARAMS(message, first)                                                               \
  SHOWN (message, FIELD (message, context), FIELD (message, first),                                \
	 FIELD (message, record_flags), FIELD (message, active_timer),                             \
	 FIELD (message, passive_timer))

SHOWN (flowprobe_tx_interface_add_del, FIELD (flowprobe_tx_interface_add_del, context),
       FIELD (flowprobe_tx_interface_add_del, is_add), FIELD (flowprobe_tx_interface_add_del, which),
       FIELD (flowprobe_tx_interface_add_del, sw_if_index))
SHOWN_REPLY (flowprobe_tx_interface_add_del_reply)
SHOWN (flowprobe_interface_add_del, FIELD (flowprobe_interface_add_del, context),
       FIELD (flowprobe_interface_add_del, is_add), FIELD (flowprobe_interface_add_del, which),
       FIELD (flowprobe_interface_add_del, direction),
       FIELD (flowprobe_interface_add_del, sw_if_index))
SHOWN_REPLY (flowprobe_interface_add_del_reply)
SHOWN (flowprobe_interface_dump, FIELD (flowprobe_interface_dump, context),
       FIELD (flowprobe_interface_dump, sw_if_index))
SHOWN (flowprobe_interface_details, FIELD (flowprobe_interface_details, context),
       FIELD (flowprobe_interface_details, which), FIELD (flowprobe_interface_details, direction),
       FIELD (flowprobe_interface_details, sw_if_index))
SHOWN_PARAMS (flowprobe_params, client_index)
SHOWN_REPLY (flowprobe_params_reply)
SHOWN_PARAMS (flowprobe_set_params, client_index)
SHOWN_REPLY (flowprobe_set_params_reply)
SHOWN (flowprobe_get_params, FIELD (flowprobe_get_params, context))
SHOWN_PARAMS (flowprobe_get_params_reply, retval)

#define MESSAGE(number, name_, handler_)                                                           \
  {                                                                                                \
    .id = number, .name = #name_, .handler = handler_, .endian = vl_api_##name_##_t_endian,        \
    .calc_size = vl_api_##name_##_t_calc_size, .format_fn = format_##name_,                        \
    .tojson = name_##_to_json, .traced = 1, .replay = 1,                                           \
  }
#define REQUEST(number, name) MESSAGE (number, name, vl_api_##name##_t_handler)
#define ANSWER(number, name)  MESSAGE (number, name, 0)

int
flowprobe_messages_are_taken (void)
{
#define _(number, name, crc)                                                                       \
  if (vl_msg_api_get_msg_index ((u8 *) #name "_" #crc) != ~0)                                      \
    return 1;
  foreach_vl_msg_name_crc_flowprobe
#undef _
  return 0;
}

void
flowprobe_messages_register (void)
{
  vl_msg_api_msg_config_t messages[] = {
    REQUEST (VL_API_FLOWPROBE_TX_INTERFACE_ADD_DEL, flowprobe_tx_interface_add_del),
    ANSWER (VL_API_FLOWPROBE_TX_INTERFACE_ADD_DEL_REPLY, flowprobe_tx_interface_add_del_reply),
    REQUEST (VL_API_FLOWPROBE_INTERFACE_ADD_DEL, flowprobe_interface_add_del),
    ANSWER (VL_API_FLOWPROBE_INTERFACE_ADD_DEL_REPLY, flowprobe_interface_add_del_reply),
    REQUEST (VL_API_FLOWPROBE_INTERFACE_DUMP, flowprobe_interface_dump),
    ANSWER (VL_API_FLOWPROBE_INTERFACE_DETAILS, flowprobe_interface_details),
    REQUEST (VL_API_FLOWPROBE_PARAMS, flowprobe_params),
    ANSWER (VL_API_FLOWPROBE_PARAMS_REPLY, flowprobe_params_reply),
    REQUEST (VL_API_FLOWPROBE_SET_PARAMS, flowprobe_set_params),
    ANSWER (VL_API_FLOWPROBE_SET_PARAMS_REPLY, flowprobe_set_params_reply),
    REQUEST (VL_API_FLOWPROBE_GET_PARAMS, flowprobe_get_params),
    ANSWER (VL_API_FLOWPROBE_GET_PARAMS_REPLY, flowprobe_get_params_reply),
  };
  u8 *name = format (0, "flowprobe_%08x%c", file_crc, 0);
  api_main_t *am = vlibapi_get_main ();

  message_base = vl_msg_api_get_msg_ids ((char *) name, VL_MSG_FLOWPROBE_LAST);
  vec_free (name);
#define _(number, name, crc)                                                                       \
  vl_msg_api_add_msg_name_crc (am, #name "_" #crc, message_base + number);
  foreach_vl_msg_name_crc_flowprobe
#undef _
  for (u32 i = 0; i < ARRAY_LEN (messages); i++)
    {
      messages[i].id += message_base;
      vl_msg_api_config (&messages[i]);
      /* Handlers take the barrier where they need it. */
      vl_api_set_msg_thread_safe (am, messages[i].id, 1);
    }
}
