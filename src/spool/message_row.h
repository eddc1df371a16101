// A message as its row has it.
#pragma once

#include "spool/spool.h"
#include "store/database.h"

namespace postern::spool {

#define POSTERN_MESSAGE_COLUMNS                                                     \
  "m.id, m.size, m.in_file, m.damage, m.received_at, m.reverse_path, m.eight_bit, " \
  "m.smtputf8, m.require_tls, m.ret, m.envid, m.trace_id, m.account, m.authn_id"

inline Message read_message(const store::Row& row) {
  Message message{.id = row.text(0),
                  .size = static_cast<std::uint64_t>(row.integer(1)),
                  .in_file = row.boolean(2),
                  .damage = row.text(3)};
  Envelope& envelope = message.envelope;
  envelope.received = row.time(4);
  envelope.reverse_path = row.text(5);
  envelope.eight_bit = row.boolean(6);
  envelope.smtputf8 = row.boolean(7);
  envelope.require_tls = row.boolean(8);
  envelope.ret = row.text(9);
  envelope.envid = row.text(10);
  envelope.trace_id = row.text(11);
  envelope.account = row.text(12);
  envelope.authn_id = row.text(13);
  return message;
}

}  // namespace postern::spool
