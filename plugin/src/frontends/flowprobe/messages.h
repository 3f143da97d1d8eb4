/* SPDX-License-Identifier: Apache-2.0 */
#ifndef included_flowprobe_messages_h
#define included_flowprobe_messages_h

/* Whether another plugin has registered one of flowprobe's messages. */
int flowprobe_messages_are_taken (void);
void flowprobe_messages_register (void);

#endif /* included_flowprobe_messages_h */
