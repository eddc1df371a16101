// Reads a message from its row.
#pragma once

#include "spool/spool.h"
#include "store/database.h"

namespace postern::spool {

/// The columns that read_message() reads, in its order.
#define POSTERN_MESSAGE_COLUMNS                                                                 \
  "m.id, m.size, m.in_file, m.damage, m.received_at, m.reverse_path, m.header_8bit, "           \
  "m.body_8bit, m.smtputf8, m.require_tls, m.ret, m.envid, m.trace_id, m.account, m.authn_id, " \
  "m.seq"

/// The message in a row of POSTERN_MESSAGE_COLUMNS, without recipients and evidence.
inline Message read_message(const store::Row& row) {
  Message message{.id = row.text(0),
                  .sequence = row.integer(15),
                  .size = static_cast<std::uint64_t>(row.integer(1)),
                  .in_file = row.boolean(2),
                  .damage = row.text(3)};
  Envelope& envelope = message.envelope;
  envelope.received = row.time(4);
  envelope.reverse_path = row.text(5);
  envelope.header_8bit = row.boolean(6);
  envelope.body_8bit = row.boolean(7);
  envelope.smtputf8 = row.boolean(8);
  envelope.require_tls = row.boolean(9);
  envelope.ret = row.text(10);
  envelope.envid = row.text(11);
  envelope.trace_id = row.text(12);
  envelope.account = row.text(13);
  envelope.authn_id = row.text(14);
  return message;
}

}  // namespace postern::spool
