#include "spool/sqlite_spool.h"

#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include "spool/spool_fixture.h"
#include "spool/spool_schema.h"

namespace postern::spool {
namespace {

class SqliteSpoolTest : public SpoolTest {
 protected:
  SqliteSpoolTest() { open(); }

  State state(const MessageId& id, std::size_t index = 0) {
    const auto message = spool_->get(id);
    EXPECT_TRUE(message && *message);
    return (*message)->envelope.recipients[index].state;
  }
  bool gone(const MessageId& id) { return !*spool_->get(id); }
  /// Claims the first recipient of a message.
  std::uint32_t begin(const MessageId& id, Time now = at(0)) {
    const auto claims = claim({{id, 0}}, now, now + std::chrono::seconds(60));
    EXPECT_TRUE(claims && claims->size() == 1);
    return claims->front().attempt;
  }
};

TEST_F(SqliteSpoolTest, bodies_beyond_the_threshold_are_files) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, BodyReader::piece, std::size_t{(256 << 10) - 1},
        std::size_t{256 << 10}, std::size_t{(256 << 10) + 1}, std::size_t{3'000'001}}) {
    std::string bytes(size, 'x');
    for (std::size_t i = 0; i < size; i += 777) bytes[i] = static_cast<char>(i % 251);
    const std::size_t before = files().size();
    const auto id = put(envelope(), bytes);
    ASSERT_TRUE(id) << id.error().message;
    EXPECT_EQ(files().size() - before, size > (256 << 10) ? 1u : 0u) << size;
    EXPECT_EQ((*spool_->get(*id))->in_file, size > (256 << 10));
    EXPECT_TRUE(read(*id).value() == bytes) << size;
  }
}

TEST_F(SqliteSpoolTest, copies_are_stored_in_one_commit) {
  options_.file_threshold = 10;
  open();
  const auto before = spool_->counters().commits;
  std::vector<Mail> mails;
  mails.push_back({.envelope = envelope(), .body = body("small")});
  mails.push_back({.envelope = envelope(2), .body = body("larger than ten")});
  mails.push_back({.envelope = envelope(), .body = body("last")});
  const auto ids = wait<std::vector<MessageId>>(
      [&](auto done) { spool_->put(std::move(mails), std::move(done)); });
  ASSERT_TRUE(ids) << ids.error().message;
  ASSERT_EQ(ids->size(), 3u);
  EXPECT_EQ(spool_->counters().commits, before + 1);
  const auto second = spool_->get((*ids)[1]);
  ASSERT_TRUE(second && *second);
  EXPECT_TRUE((*second)->in_file);
  EXPECT_EQ((*second)->envelope.recipients.size(), 2u);
}

TEST_F(SqliteSpoolTest, of_copies_none_is_stored_where_one_cannot_be) {
  options_.file_threshold = 10;
  open();
  const auto first = put(envelope(), "taken before");
  ASSERT_TRUE(first);
  std::vector<Mail> mails;
  mails.push_back({.envelope = envelope(), .body = body("larger than ten")});
  mails.push_back({.envelope = envelope(), .body = body("its id is there already")});
  mails.back().envelope.id = *first;
  const auto ids = wait<std::vector<MessageId>>(
      [&](auto done) { spool_->put(std::move(mails), std::move(done)); });
  EXPECT_FALSE(ids);
  open();
  const auto kept = spool_->list({}, "", 10);
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->size(), 1u);
  EXPECT_EQ(kept->front().id, *first);
}

TEST_F(SqliteSpoolTest, a_second_process_does_not_get_the_spool) {
  const auto second = SqliteSpool::open(options_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().fault, Fault::conflict);
}

TEST_F(SqliteSpoolTest, files_without_a_message_are_swept_when_it_opens) {
  const MessageId id = *put(envelope(), std::string(300'000, 'x'));
  const std::string ours = files().front();
  const std::string orphan = folder_.write("bodies/AV/01ARZ3NDEKTSV4RRFFQ69G5FAV", "left behind");
  const std::string notes = folder_.write("bodies/AV/notes.txt", "not ours");
  EXPECT_EQ(spool_->verify()->loose_files, 1u);
  open();
  EXPECT_EQ(spool_->verify()->loose_files, 0u);
  EXPECT_EQ(spool_->counters().orphans, 1u);
  EXPECT_FALSE(std::filesystem::exists(orphan));
  EXPECT_TRUE(std::filesystem::exists(ours));
  EXPECT_TRUE(std::filesystem::exists(notes));
  EXPECT_EQ(read(id)->size(), 300'000u);
}

TEST_F(SqliteSpoolTest, a_message_without_its_file_is_quarantined_and_listed) {
  const MessageId lost = *put(envelope(), std::string(300'000, 'x'));
  const std::string file = files().front();
  const MessageId whole = *put(envelope(), std::string(300'000, 'y'));
  std::filesystem::remove(file);
  open();
  EXPECT_EQ(spool_->counters().damaged, 1u);
  EXPECT_EQ(state(lost), State::quarantined);
  EXPECT_NE((*spool_->get(lost))->damage, "");
  const auto ready = due(at(100));
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].key.message, whole);
  EXPECT_EQ(spool_->list({.state = State::quarantined}, "", 10)->size(), 1u);
  EXPECT_EQ(act(Action::release, lost).error().fault, Fault::conflict);
  EXPECT_EQ(act(Action::retry, lost).error().fault, Fault::conflict);
  const auto found = *spool_->verify();
  EXPECT_EQ(found.messages, 2u);
  ASSERT_EQ(found.findings.size(), 1u);
  EXPECT_EQ(found.findings[0].message, lost);
  ASSERT_TRUE(act(Action::drop, lost));
  EXPECT_EQ(spool_->verify()->wrong, 0u);
}

TEST_F(SqliteSpoolTest, a_changed_body_is_never_read_to_its_end) {
  const MessageId in_file = *put(envelope(), std::string(300'000, 'x'));
  const MessageId in_row = *put(envelope(), std::string(100'000, 'y'));
  {
    std::fstream file(files().front(), std::ios::in | std::ios::out);
    file.seekp(1000);
    file.put('z');
  }
  spool_.reset();
  {
    auto database = store::Database::open(folder_.file("spool.db"), spool_schema());
    ASSERT_TRUE((*database)->execute("UPDATE body SET bytes = zeroblob(100000)"));
  }
  open();
  EXPECT_EQ(read(in_file).error().fault, Fault::damaged);
  EXPECT_EQ(read(in_row).error().fault, Fault::damaged);
  EXPECT_EQ(spool_->verify()->wrong, 2u);
  ASSERT_TRUE(wait<void>([&](auto done) { spool_->quarantine(in_file, "bit rot", done); }));
  EXPECT_EQ(state(in_file), State::quarantined);
  EXPECT_EQ((*spool_->get(in_file))->damage, "bit rot");
}

// A file that cannot be opened (rights, a link in its place, a disk that fails) may be there again.
TEST_F(SqliteSpoolTest, a_body_that_cannot_be_opened_now_is_not_damaged) {
  const std::string text(300'000, 'x');
  const MessageId id = *put(envelope(), text);
  const std::string file = files().front();
  std::filesystem::rename(file, file + ".away");
  std::filesystem::create_symlink(file + ".away", file);  // ELOOP, also for root
  EXPECT_EQ(read(id).error().fault, Fault::permanent);
  open();
  EXPECT_EQ(spool_->counters().damaged, 0u);
  EXPECT_EQ(state(id), State::queued);
  std::filesystem::rename(file + ".away", file);
  EXPECT_EQ(read(id).value(), text);
}

}  // namespace
}  // namespace postern::spool
