#include "spool/move_spool.h"

#include <algorithm>
#include <future>
#include <memory>

#include <fmt/format.h>

#include "base/ulid.h"

namespace postern::spool {
namespace {

namespace pg = net::pgsql;

constexpr std::size_t moved_at_once = 1000;
/// Messages that are read and committed at a time, and octets of the bodies of one commit.
constexpr std::size_t batch_messages = 256;
constexpr std::uint64_t batch_octets = std::uint64_t{4} << 20;
constexpr std::chrono::seconds move_commit_limit{60};

/// A message of a queue.
struct Listed {
  MessageId id;
  std::uint64_t size = 0;  ///< octets of the body
};

/// All messages, oldest first.
Result<std::vector<Listed>> all_in(Spool& spool) {
  std::vector<Listed> all;
  for (MessageId before;;) {
    const auto messages = spool.list({}, before, moved_at_once);
    if (!messages) return tl::unexpected(messages.error());
    for (const Message& one : *messages) all.push_back({one.id, one.size});
    if (messages->size() < moved_at_once) break;
    before = all.back().id;
  }
  std::ranges::reverse(all);
  return all;
}

Result<void> is_whole(const Message& message) {
  if (message.damage.empty()) return {};
  return fail(Fault::conflict,
              fmt::format("message {0} is damaged: {1}. Drop it first: `postern queue drop {0}`",
                          message.id, message.damage));
}

/// The messages of these ids, which must all be there.
Result<std::vector<Whole>> all_of(Spool& spool, std::span<const MessageId> ids) {
  auto found = spool.whole(ids);
  if (!found || found->size() == ids.size()) return found;
  std::size_t at = 0;
  while (at < found->size() && (*found)[at].message.id == ids[at]) ++at;
  return fail(Fault::conflict, "message " + ids[at] + " is gone");
}

Result<Mail> mail_of(Whole& whole, const std::string& directory) {
  if (Result<void> sound = is_whole(whole.message); !sound) return tl::unexpected(sound.error());
  if (!whole.body) return tl::unexpected(whole.body.error());
  Mail mail{.envelope = whole.message.envelope, .body = Body(directory)};
  for (;;) {
    const auto octets = whole.body->next();
    if (!octets) return tl::unexpected(octets.error());
    if (octets->empty()) break;
    if (Result<void> added = mail.body.append(*octets); !added) {
      return tl::unexpected(added.error());
    }
  }
  mail.envelope.id = whole.message.id;
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
Result<void> compare(Whole& one, Whole& other) {
  const MessageId& id = one.message.id;
  if (one.message.size != other.message.size ||
      !same(one.message.envelope, other.message.envelope)) {
    return fail(Fault::conflict, "message " + id + " differs");
  }
  if (!one.body) return tl::unexpected(one.body.error());
  if (!other.body) return tl::unexpected(other.body.error());
  for (;;) {
    const auto here = one.body->next();
    if (!here) return tl::unexpected(here.error());
    const auto there = other.body->next();
    if (!there) return tl::unexpected(there.error());
    if (*here != *there) return fail(Fault::conflict, "the body of message " + id + " differs");
    if (here->empty()) return {};
  }
}

/// Calls `act` with the ids of as many messages as are read at once.
Result<void> in_batches(std::span<const Listed> all,
                        const std::function<Result<void>(std::span<const MessageId>)>& act) {
  std::vector<MessageId> ids;
  std::uint64_t octets = 0;
  const auto flush = [&]() -> Result<void> {
    octets = 0;
    return ids.empty() ? Result<void>() : act(std::exchange(ids, {}));
  };
  for (const Listed& one : all) {
    if (ids.size() >= batch_messages || octets + one.size > batch_octets) {
      if (Result<void> done = flush(); !done) return done;
    }
    ids.push_back(one.id);
    octets += one.size;
  }
  return flush();
}

}  // namespace

Result<void> may_be_moved(Spool& spool) {
  for (MessageId before;;) {
    const auto messages = spool.list({}, before, moved_at_once);
    if (!messages) return tl::unexpected(messages.error());
    for (const Message& one : *messages) {
      if (Result<void> whole = is_whole(one); !whole) return whole;
    }
    if (messages->size() < moved_at_once) return {};
    before = messages->back().id;
  }
}

SetStates states_of(cluster::Database& database,
                    std::function<std::chrono::milliseconds()> offset) {
  const auto at = [offset = std::move(offset)](Time time) -> net::PgsqlTime {
    return time == Time::max() || !offset ? time : time + offset();
  };
  const auto kept = std::make_shared<std::unique_ptr<net::PgsqlSession>>();
  return [&database, kept, at](std::span<const Message> messages) -> Result<void> {
    std::vector<std::string> ids, quarantines;
    std::vector<std::int64_t> indexes, states, attempts, held, noticed;
    std::vector<net::PgsqlTime> due, since;
    std::vector<std::string_view> replies;
    for (const Message& message : messages) {
      const std::string id = ulid_octets(message.id);
      std::int64_t index = 0;
      for (const Recipient& one : message.envelope.recipients) {
        ids.push_back(id);
        indexes.push_back(index++);
        states.push_back(static_cast<std::int64_t>(one.state));
        attempts.push_back(one.attempts);
        due.push_back(at(one.next_attempt));
        since.push_back(at(one.held_at));
        held.push_back(one.held.count());
        noticed.push_back(one.noticed ? 1 : 0);
        quarantines.push_back(one.quarantine);
        replies.emplace_back(one.last_reply);
      }
    }
    std::vector<net::PgsqlStatement> statements;
    statements.push_back(
        {.sql = "UPDATE recipient AS r SET state = n.state, attempts = n.attempts, next_at = "
                "n.next_at, held_at = n.held_at, held_ms = n.held_ms, noticed = n.noticed <> 0, "
                "quarantine = n.quarantine, last_reply = n.last_reply FROM unnest($1, $2, $3, $4, "
                "$5, $6, $7, $8, $9, $10) AS n(message, idx, state, attempts, next_at, held_at, "
                "held_ms, noticed, quarantine, last_reply) WHERE r.message = n.message AND r.idx = "
                "n.idx",
         .values = {pg::uuids(ids), pg::integers(indexes), pg::integers(states),
                    pg::integers(attempts), pg::times(due), pg::times(since), pg::integers(held),
                    pg::integers(noticed), pg::texts(quarantines), pg::blobs(replies)}});
    if (!*kept || !(*kept)->usable()) {
      auto session = database.connect();
      if (!session) return tl::unexpected(session.error());
      *kept = std::move(*session);
    }
    const auto end =
        (*kept)->transact(std::move(statements), cluster::Clock::now() + move_commit_limit);
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
  const auto ids = all_in(from);
  if (!ids) return tl::unexpected(ids.error());
  const auto before = all_in(to);  // from an earlier run that was stopped
  if (!before) return tl::unexpected(before.error());
  const auto copy = [&](std::span<const MessageId> some) -> Result<void> {
    auto found = all_of(from, some);
    if (!found) return tl::unexpected(found.error());
    std::vector<Mail> mails;
    std::vector<Message> messages;
    for (Whole& one : *found) {
      if (!std::ranges::binary_search(*before, one.message.id, {}, &Listed::id)) {
        auto mail = mail_of(one, directory);
        if (!mail) return tl::unexpected(mail.error());
        mails.push_back(std::move(*mail));
      }
      messages.push_back(std::move(one.message));
    }
    if (!mails.empty()) {
      if (Result<void> stored = put(to, std::move(mails)); !stored) return stored;
    }
    return set_states(messages);
  };
  if (Result<void> copied = in_batches(*ids, copy); !copied) {
    return tl::unexpected(copied.error());
  }

  MovedMail moved;
  const auto check = [&](std::span<const MessageId> some) -> Result<void> {
    auto here = all_of(from, some);
    if (!here) return tl::unexpected(here.error());
    auto there = all_of(to, some);
    if (!there) return tl::unexpected(there.error());
    for (std::size_t i = 0; i < some.size(); ++i) {
      Whole& one = (*here)[i];
      if (Result<void> equal = compare(one, (*there)[i]); !equal) return equal;
      moved.messages += 1;
      moved.recipients += one.message.envelope.recipients.size();
      moved.octets += one.message.size;
    }
    return {};
  };
  if (Result<void> equal = in_batches(*ids, check); !equal) return tl::unexpected(equal.error());
  const auto all = all_in(to);
  if (!all) return tl::unexpected(all.error());
  if (all->size() != ids->size()) {
    return fail(Fault::conflict, fmt::format("there are {} messages that are not of this queue",
                                             all->size() - ids->size()));
  }
  return moved;
}

}  // namespace postern::spool
