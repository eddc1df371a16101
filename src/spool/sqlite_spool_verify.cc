#include "spool/sqlite_spool.h"

namespace postern::spool {
namespace {

constexpr std::size_t page = 100;
constexpr std::size_t max_findings = 1000;

void add(Verification& found, const MessageId& message, std::string what) {
  found.wrong += 1;
  if (found.findings.size() < max_findings) found.findings.push_back({message, std::move(what)});
}

tl::unexpected<Error> interrupted() {
  return fail(Fault::temporary, "the gateway is stopping; verify again when it has started");
}

}  // namespace

void SqliteSpool::verify_message(const Message& message, Verification& found) {
  std::string wrong = message.damage;
  Result<BodyReader> reader = body(message.id);
  while (reader && wrong.empty()) {
    const Result<std::string_view> bytes = reader->next();
    if (!bytes) wrong = bytes.error().message;
    if (!bytes || bytes->empty()) break;
    found.octets += bytes->size();
  }
  if (!reader && wrong.empty()) wrong = reader.error().message;
  const Result<std::optional<Message>> whole = get(message.id);
  if (!whole) return add(found, message.id, whole.error().message);
  if (!*whole) return;  // delivered meanwhile: nothing to check
  found.messages += 1;
  found.recipients += (*whole)->envelope.recipients.size();
  if (!wrong.empty()) add(found, message.id, wrong);
}

Result<void> SqliteSpool::verify_database(Verification& found) {
  const std::lock_guard guard(asking_mutex_);
  // Messages without recipients, or with final ones only: no commit leaves such messages.
  const Result<void> over = asking_->each(
      "SELECT id FROM message AS m WHERE NOT EXISTS "
      "(SELECT 1 FROM recipient AS r WHERE r.message = m.seq AND r.state NOT IN (1, 2))",
      [&](const store::Row& row) { add(found, row.text(0), "nothing is left to do for it"); });
  if (!over) return over;
  return asking_->each("PRAGMA integrity_check(100)", [&](const store::Row& row) {
    if (row.text(0) != "ok") add(found, "", row.text(0));
  });
}

Result<void> SqliteSpool::verify_files(Verification& found) {
  Result<void> asked;
  const Result<void> seen = files_.each([&](const MessageId& id) {
    const std::lock_guard guard(asking_mutex_);
    const auto known =
        asking_->number("SELECT count(*) FROM message WHERE id = ? AND in_file = 1", id);
    if (!known) asked = tl::unexpected(known.error());
    if (known && *known == 0) found.loose_files += 1;
  });
  return seen ? asked : seen;
}

Result<Verification> SqliteSpool::verify() {
  Verification found;
  MessageId before;
  while (true) {
    const Result<std::vector<Message>> messages = list({}, before, page);
    if (!messages && no_verifying_) return interrupted();
    if (!messages) return tl::unexpected(messages.error());
    for (const Message& message : *messages) {
      if (no_verifying_) return interrupted();
      verify_message(message, found);
    }
    if (messages->size() < page) break;
    before = messages->back().id;
  }
  if (const Result<void> sound = verify_database(found); !sound) {
    if (no_verifying_) return interrupted();
    return tl::unexpected(sound.error());
  }
  if (const Result<void> counted = verify_files(found); !counted) {
    if (no_verifying_) return interrupted();
    return tl::unexpected(counted.error());
  }
  return found;
}

}  // namespace postern::spool
