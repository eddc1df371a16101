#include "spool/move_spool.h"

#include <algorithm>
#include <future>

#include <fmt/format.h>

#include "base/ulid.h"

namespace postern::spool {
namespace {

namespace pg = net::pgsql;

constexpr std::size_t page = 1000;
/// Messages of one commit, and octets of their bodies.
constexpr std::size_t batch_messages = 64;
constexpr std::uint64_t batch_octets = std::uint64_t{4} << 20;
constexpr std::chrono::seconds commit_limit{60};

/// All ids, oldest first.
Result<std::vector<MessageId>> ids_of(Spool& spool) {
  std::vector<MessageId> ids;
  for (MessageId before;;) {
    const auto messages = spool.list({}, before, page);
    if (!messages) return tl::unexpected(messages.error());
    for (const Message& one : *messages) ids.push_back(one.id);
    if (messages->size() < page) break;
    before = ids.back();
  }
  std::ranges::reverse(ids);
  return ids;
}

Result<void> is_whole(const Message& message) {
  if (message.damage.empty()) return {};
  return fail(Fault::conflict,
              fmt::format("message {0} is damaged: {1}. Drop it first: `postern queue drop {0}`",
                          message.id, message.damage));
}

Result<Message> message_of(Spool& spool, const MessageId& id) {
  auto found = spool.get(id);
  if (!found) return tl::unexpected(found.error());
  if (!*found) return fail(Fault::conflict, "message " + id + " is gone");
  return std::move(**found);
}

Result<Mail> mail_of(Spool& spool, const Message& message, const std::string& directory) {
  if (Result<void> whole = is_whole(message); !whole) return tl::unexpected(whole.error());
  auto reader = spool.body(message.id);
  if (!reader) return tl::unexpected(reader.error());
  Mail mail{.envelope = message.envelope, .body = Body(directory)};
  for (;;) {
    const auto octets = reader->next();
    if (!octets) return tl::unexpected(octets.error());
    if (octets->empty()) break;
    if (Result<void> added = mail.body.append(*octets); !added) {
      return tl::unexpected(added.error());
    }
  }
  mail.envelope.id = message.id;
  // A finished recipient is not taken; what it is, set_states says.
  for (Recipient& to : mail.envelope.recipients) {
    if (to.state == State::delivered || to.state == State::failed) to.state = State::held;
  }
  return mail;
}

Result<void> put(Spool& to, std::vector<Mail> mails) {
  std::promise<Result<std::vector<MessageId>>> said;
  to.put(std::move(mails),
         [&](Result<std::vector<MessageId>> ids) { said.set_value(std::move(ids)); });
  const auto ids = said.get_future().get();
  return ids ? Result<void>() : tl::unexpected(ids.error());
}

/// A spool of a cluster keeps times by the clock of its database.
bool is_near(Time one, Time other) {
  constexpr std::chrono::seconds most{30};
  return one > other ? one - other <= most : other - one <= most;
}

bool same(const Recipient& one, const Recipient& other) {
  return one.address == other.address && one.destination == other.destination &&
         one.state == other.state && one.notify == other.notify && one.orcpt == other.orcpt &&
         one.quarantine == other.quarantine && one.attempts == other.attempts &&
         is_near(one.next_attempt, other.next_attempt) && is_near(one.held_at, other.held_at) &&
         one.held == other.held && one.noticed == other.noticed &&
         one.last_reply == other.last_reply;
}

bool same(const Envelope& one, const Envelope& other) {
  return one.received == other.received && one.reverse_path == other.reverse_path &&
         one.header_8bit == other.header_8bit && one.body_8bit == other.body_8bit &&
         one.smtputf8 == other.smtputf8 && one.require_tls == other.require_tls &&
         one.ret == other.ret && one.envid == other.envid && one.trace_id == other.trace_id &&
         one.account == other.account && one.authn_id == other.authn_id &&
         one.evidence == other.evidence &&
         std::ranges::equal(one.recipients, other.recipients,
                            [](const auto& a, const auto& b) { return same(a, b); });
}

/// Reads both bodies to their ends, where each is compared with its own checksum.
Result<void> compare_bodies(Spool& from, Spool& to, const MessageId& id) {
  auto one = from.body(id);
  if (!one) return tl::unexpected(one.error());
  auto other = to.body(id);
  if (!other) return tl::unexpected(other.error());
  for (;;) {
    const auto here = one->next();
    if (!here) return tl::unexpected(here.error());
    const auto there = other->next();
    if (!there) return tl::unexpected(there.error());
    if (*here != *there) return fail(Fault::conflict, "the body of message " + id + " differs");
    if (here->empty()) return {};
  }
}

}  // namespace

Result<void> may_be_moved(Spool& spool) {
  for (MessageId before;;) {
    const auto messages = spool.list({}, before, page);
    if (!messages) return tl::unexpected(messages.error());
    for (const Message& one : *messages) {
      if (Result<void> whole = is_whole(one); !whole) return whole;
    }
    if (messages->size() < page) return {};
    before = messages->back().id;
  }
}

SetStates states_of(cluster::Database& database) {
  return [&database](std::span<const Message> messages) -> Result<void> {
    std::vector<net::PgsqlStatement> statements;
    for (const Message& message : messages) {
      const std::string id = ulid_octets(message.id);
      std::int64_t index = 0;
      for (const Recipient& one : message.envelope.recipients) {
        statements.push_back(
            {.sql = "UPDATE recipient SET state = $3::bigint, attempts = $4::bigint, next_at = $5, "
                    "held_at = $6, held_ms = $7, noticed = $8, quarantine = $9, last_reply = $10 "
                    "WHERE message = $1 AND idx = $2::bigint",
             .values = {
                 pg::uuid(id), pg::integer(index++),
                 pg::integer(static_cast<std::int64_t>(one.state)), pg::integer(one.attempts),
                 pg::time(one.next_attempt), pg::time(one.held_at), pg::integer(one.held.count()),
                 pg::boolean(one.noticed), pg::text(one.quarantine), pg::bytes(one.last_reply)}});
      }
    }
    auto session = database.connect();
    if (!session) return tl::unexpected(session.error());
    const auto end =
        (*session)->transact(std::move(statements), cluster::Clock::now() + commit_limit);
    if (end.end == net::PgsqlEnd::committed) return {};
    return fail(Fault::unreachable, "PostgreSQL: " + end.failure.message);
  };
}

SetStates states_of(store::Database& database) {
  return [&database](std::span<const Message> messages) -> Result<void> {
    Result<store::Transaction> transaction = store::Transaction::begin(database);
    if (!transaction) return tl::unexpected(transaction.error());
    for (const Message& message : messages) {
      std::int64_t index = 0;
      for (const Recipient& one : message.envelope.recipients) {
        static_cast<void>(database.execute(
            "UPDATE recipient SET state = ?3, attempts = ?4, next_at = ?5, held_at = ?6, "
            "held_ms = ?7, noticed = ?8, quarantine = ?9, last_reply = ?10 "
            "WHERE message = (SELECT seq FROM message WHERE id = ?1) AND idx = ?2",
            message.id, index++, static_cast<std::int64_t>(one.state), one.attempts,
            one.next_attempt, one.held_at, one.held.count(), one.noticed, one.quarantine,
            one.last_reply));
      }
    }
    return transaction->commit();
  };
}

Result<MovedMail> move_spool(Spool& from, Spool& to, const SetStates& set_states,
                             const std::string& directory) {
  const auto ids = ids_of(from);
  if (!ids) return tl::unexpected(ids.error());
  std::vector<Mail> mails;
  std::vector<Message> messages;
  std::uint64_t octets = 0;
  const auto write = [&]() -> Result<void> {
    if (messages.empty()) return {};
    octets = 0;
    if (!mails.empty()) {
      if (Result<void> stored = put(to, std::exchange(mails, {})); !stored) return stored;
    }
    return set_states(std::exchange(messages, {}));
  };
  for (const MessageId& id : *ids) {
    auto message = message_of(from, id);
    if (!message) return tl::unexpected(message.error());
    const auto there = to.get(id);  // from an earlier run that was stopped
    if (!there) return tl::unexpected(there.error());
    if (!*there) {
      auto mail = mail_of(from, *message, directory);
      if (!mail) return tl::unexpected(mail.error());
      octets += mail->body.size();
      mails.push_back(std::move(*mail));
    }
    messages.push_back(std::move(*message));
    if (messages.size() < batch_messages && octets < batch_octets) continue;
    if (Result<void> written = write(); !written) return tl::unexpected(written.error());
  }
  if (Result<void> written = write(); !written) return tl::unexpected(written.error());

  MovedMail moved;
  for (const MessageId& id : *ids) {
    const auto here = message_of(from, id);
    if (!here) return tl::unexpected(here.error());
    const auto there = message_of(to, id);
    if (!there) return tl::unexpected(there.error());
    if (here->size != there->size || !same(here->envelope, there->envelope)) {
      return fail(Fault::conflict, "message " + id + " differs");
    }
    if (Result<void> equal = compare_bodies(from, to, id); !equal) {
      return tl::unexpected(equal.error());
    }
    moved.messages += 1;
    moved.recipients += here->envelope.recipients.size();
    moved.octets += here->size;
  }
  const auto all = ids_of(to);
  if (!all) return tl::unexpected(all.error());
  if (all->size() != ids->size()) {
    return fail(Fault::conflict, fmt::format("there are {} messages that are not of this queue",
                                             all->size() - ids->size()));
  }
  return moved;
}

}  // namespace postern::spool
