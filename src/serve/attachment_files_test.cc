#include "serve/attachment_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>

#include <gtest/gtest.h>

#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "spool/inbox.h"

namespace postern::app {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;

class AttachmentFilesTest : public ::testing::Test {
 protected:
  AttachmentFilesTest() {
    fs::create_directory(directory_);
    log_ = std::move(*store::DeliveryLog::open(folder_.file("delivery.db")));
    open();
  }
  void open() {
    files_.reset();
    files_ = std::make_unique<AttachmentFiles>(*log_, directory_, "https://gw.example");
  }
  void open_inbox(std::uint64_t max_octets = 1 << 20) {
    auto opened = spool::Inbox::open({.database = folder_.file("delivery.db"),
                                      .directory = folder_.file("inbox"),
                                      .linked_directory = directory_,
                                      .max_octets = max_octets});
    ASSERT_TRUE(opened) << opened.error().message;
    inbox_ = std::move(*opened);
  }

  deliver::Link add(deliver::LinkedFiles& message, const std::string& octets) {
    const auto link =
        message.add({"f.bin", "application/octet-stream", octets.size()},
                    [&](const deliver::LinkedFiles::Sink& sink) { return sink(octets); });
    EXPECT_TRUE(link);
    return link.value_or(deliver::Link{});
  }
  std::unique_ptr<deliver::LinkedFiles> message(const std::string& octets = "hello",
                                                const std::string& id = "msg_1") {
    auto made = files_->begin(id, "wh_1", hours(7 * 24));
    ids_.push_back(id_of(add(*made, octets)));
    EXPECT_TRUE(made->finish());
    return made;
  }
  void keep(deliver::LinkedFiles& message) {
    std::promise<Result<void>> kept;
    message.keep([&](Result<void> done) { kept.set_value(std::move(done)); });
    EXPECT_TRUE(kept.get_future().get());
  }
  static std::string id_of(const deliver::Link& link) {
    const std::size_t at = link.url.find("att_");
    return link.url.substr(at, link.url.find('?') - at);
  }
  /// The number of files after all jobs have ended.
  std::size_t on_disk() {
    files_->stop();
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }
  std::optional<store::AttachmentRow> row(std::size_t number = 0) {
    return log_->attachment(ids_.at(number)).value();
  }
  spool::InboxPut put(const std::string& id, const deliver::LinkedFiles* links,
                      policy::InboxLimits limits = {}) {
    spool::Body body(folder_.path());
    EXPECT_TRUE(body.append("{}"));
    std::promise<Result<spool::InboxPut>> answer;
    inbox_->put({.id = id,
                 .webhook_id = "wh_1",
                 .received_at = store::now(),
                 .links = links != nullptr ? links->name() : ""},
                std::move(body), limits, store::now(),
                [&](Result<spool::InboxPut> done) { answer.set_value(std::move(done)); });
    return answer.get_future().get().value();
  }
  std::uint64_t inbox_octets(const std::string& webhook = "wh_1") {
    return inbox_->reader().state(webhook).value().octets;
  }

  tests::TemporaryFolder folder_;
  const std::string directory_ = folder_.file("attachments");
  std::unique_ptr<store::DeliveryLog> log_;
  std::unique_ptr<AttachmentFiles> files_;
  std::unique_ptr<spool::Inbox> inbox_;
  std::vector<std::string> ids_;
};

TEST_F(AttachmentFilesTest, all_files_of_a_message_are_one_on_disk) {
  auto message = files_->begin("msg_1", "wh_1", hours(7 * 24));
  std::string all;
  std::vector<std::string> ids;
  for (int i = 0; i < 990; ++i) {
    const std::string octets = "octets of " + std::to_string(i);
    ids.push_back(id_of(add(*message, octets)));
    all += octets;
  }
  ASSERT_TRUE(message->finish());
  EXPECT_EQ(tests::read_file(directory_ + "/" + message->name()), all);
  const auto last = log_->attachment(ids.back()).value();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->path, message->name());
  EXPECT_EQ(all.substr(last->start, last->size), "octets of 989");
  keep(*message);
  message.reset();
  EXPECT_EQ(on_disk(), 1u);
  // It also expires like one.
  const auto purged = log_->purge(store::now() + hours(8 * 24)).value();
  EXPECT_EQ(purged.files, std::vector<std::string>{last->path});
}

TEST_F(AttachmentFilesTest, what_is_not_accepted_goes) {
  message().reset();
  EXPECT_EQ(on_disk(), 0u);
  EXPECT_FALSE(row());
}

TEST_F(AttachmentFilesTest, what_was_never_finished_goes) {
  auto made = files_->begin("msg_1", "wh_1", hours(1));
  add(*made, "hello");
  made.reset();
  EXPECT_EQ(on_disk(), 0u);
}

TEST_F(AttachmentFilesTest, what_is_accepted_stays_as_long_as_its_links_say) {
  auto made = message();
  EXPECT_EQ(row()->expires_at, row()->created_at + hours(24)) << "until it is accepted";
  keep(*made);
  EXPECT_EQ(row()->expires_at, row()->created_at + hours(7 * 24));
  made.reset();  // as when a session is cut before the result arrives
  EXPECT_EQ(on_disk(), 1u);
  EXPECT_TRUE(row());
}

TEST_F(AttachmentFilesTest, a_refusal_after_all_removes_what_was_kept) {
  auto made = message();
  keep(*made);
  made->remove();
  made.reset();
  EXPECT_EQ(on_disk(), 0u);
  EXPECT_FALSE(row());
}

TEST_F(AttachmentFilesTest, what_nobody_knows_of_stays_for_a_day) {
  auto made = message();
  made->leave();
  made.reset();
  EXPECT_EQ(on_disk(), 1u);
  EXPECT_TRUE(log_->purge(store::now() + hours(23)).value().files.empty());
  EXPECT_EQ(log_->purge(store::now() + hours(25)).value().files.size(), 1u);
}

TEST_F(AttachmentFilesTest, files_without_links_go_at_the_start) {
  auto kept = message();
  kept->leave();
  std::ofstream(directory_ + "/att_01HX0000000000000000000000") << "orphan";
  std::ofstream(directory_ + "/notes.txt") << "not ours";
  EXPECT_EQ(on_disk(), 3u);
  open();
  ASSERT_TRUE(files_->recover());
  EXPECT_EQ(on_disk(), 2u);
  EXPECT_TRUE(fs::exists(directory_ + "/" + kept->name()));
  EXPECT_TRUE(fs::exists(directory_ + "/notes.txt"));
}

TEST_F(AttachmentFilesTest, an_inbox_counts_what_it_keeps_behind_links) {
  open_inbox(3000);
  auto first = message(std::string(1000, 'a'), "msg_1");
  EXPECT_EQ(put("msg_1", first.get()).answer, spool::InboxAnswer::taken);
  EXPECT_EQ(inbox_octets(), 1002u);
  EXPECT_EQ(inbox_octets(""), 1002u);
  EXPECT_EQ(row()->expires_at, row()->created_at + hours(7 * 24)) << "by the same commit";
  auto large = message(std::string(1000, 'b'), "msg_2");
  EXPECT_EQ(put("msg_2", large.get(), {.octets = 1000}).answer, spool::InboxAnswer::too_large);
  EXPECT_EQ(put("msg_2", large.get(), {.octets = 2000}).answer, spool::InboxAnswer::full);
  auto much = message(std::string(2000, 'c'), "msg_3");
  EXPECT_EQ(put("msg_3", much.get()).answer, spool::InboxAnswer::storage);
  large.reset();
  much.reset();
  first.reset();
  EXPECT_EQ(on_disk(), 1u);
}

TEST_F(AttachmentFilesTest, a_message_out_of_the_queue_counts_what_it_links_to) {
  open_inbox();
  auto queued = message(std::string(1000, 'a'), "msg_1");
  keep(*queued);
  EXPECT_EQ(put("msg_1", nullptr).answer, spool::InboxAnswer::taken);
  EXPECT_EQ(inbox_octets(), 1002u);
}

TEST_F(AttachmentFilesTest, the_same_message_again_leaves_one_file) {
  open_inbox();
  auto first = message("hello", "msg_1");
  EXPECT_FALSE(put("msg_1", first.get()).known);
  auto again = message("hello", "msg_1");
  EXPECT_TRUE(put("msg_1", again.get()).known);
  first.reset();
  again.reset();
  EXPECT_EQ(on_disk(), 1u);
  EXPECT_TRUE(row(0));
  EXPECT_FALSE(row(1));
}

TEST_F(AttachmentFilesTest, a_message_deleted_from_the_inbox_takes_its_files_along) {
  open_inbox();
  auto made = message();
  put("msg_1", made.get());
  made->leave();
  EXPECT_TRUE(inbox_->erase("wh_1", "msg_1").value());
  EXPECT_EQ(inbox_octets(), 0u);
  EXPECT_EQ(on_disk(), 0u);
  EXPECT_LT(row()->expires_at, store::now()) << "the link is 410 from now on";
}

}  // namespace
}  // namespace postern::app
