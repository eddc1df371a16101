#include "spool/sqlite_spool.h"
#include "spool/verify.h"

namespace postern::spool {
Result<void> SqliteSpool::verify_database(Verification& found) {
  const std::lock_guard guard(asking_mutex_);
  // Messages without recipients, or with final ones only: no commit leaves such messages.
  const Result<void> over = asking_->each(
      "SELECT id FROM message AS m WHERE NOT EXISTS "
      "(SELECT 1 FROM recipient AS r WHERE r.message = m.seq AND r.state NOT IN (1, 2))",
      [&](const store::Row& row) {
        note_finding(found, row.text(0), "nothing is left to do for it");
      });
  if (!over) return over;
  return asking_->each("PRAGMA integrity_check(100)", [&](const store::Row& row) {
    if (row.text(0) != "ok") note_finding(found, "", row.text(0));
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
  if (Result<void> read = verify_messages(*this, no_verifying_, found); !read) {
    return tl::unexpected(read.error());
  }
  if (const Result<void> sound = verify_database(found); !sound) {
    if (no_verifying_) return verification_stopped();
    return tl::unexpected(sound.error());
  }
  if (const Result<void> counted = verify_files(found); !counted) {
    if (no_verifying_) return verification_stopped();
    return tl::unexpected(counted.error());
  }
  return found;
}

}  // namespace postern::spool
