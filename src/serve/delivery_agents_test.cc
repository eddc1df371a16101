#include "serve/delivery_agents.h"

#include <filesystem>
#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/run_task_test.h"
#include "base/temporary_folder_test.h"
#include "deliver/mbox.h"
#include "net/work_pool.h"
#include "spool/sqlite_spool.h"

namespace postern::app {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct FolderCourierTest : ::testing::Test {
  FolderCourierTest() {
    fs::create_directory(folder.file("spool"));
    spool = *spool::SqliteSpool::open({.directory = folder.file("spool"), .min_free = 0});
  }

  /// The result of a message for two recipients at one destination.
  queue::Carried carry(const std::string& key) {
    spool::Envelope envelope{.received = std::chrono::system_clock::now(),
                             .reverse_path = "ann@example.com"};
    const spool::Destination destination{spool::RouteKind::local, key};
    for (const char* address : {"bob@example.net", "eve@example.net"}) {
      envelope.recipients.push_back({.address = address, .destination = destination});
    }
    spool::Body body(folder.path());
    EXPECT_TRUE(body.append("Subject: hello\r\n\r\nFrom here.\r\n"));
    std::promise<Result<spool::MessageId>> stored;
    spool->put(std::move(envelope), std::move(body),
               [&](Result<spool::MessageId> id) { stored.set_value(std::move(id)); });
    const spool::MessageId id = *stored.get_future().get();
    const spool::Message message = **spool->get(id);
    queue::Text text(*spool, id, *spool->body(id));
    FolderAgent courier(*spool, pool, "mx.example.org", folder.file("data"));
    return tests::run(courier.carry({.message = message,
                                     .destination = destination,
                                     .recipients = {0, 1},
                                     .started = std::chrono::system_clock::now()},
                                    text));
  }

  tests::TemporaryFolder folder;
  std::unique_ptr<spool::SqliteSpool> spool;
  net::WorkPool pool{2, 100};
};

TEST_F(FolderCourierTest, a_key_says_whether_it_is_an_mbox_or_a_maildir) {
  const queue::Carried file = carry(std::string(deliver::mbox_scheme) + folder.file("box"));
  ASSERT_EQ(file.results.size(), 2u);
  for (const smtp::RecipientResult& one : file.results) {
    EXPECT_EQ(one.klass, smtp::ResultClass::delivered);
    EXPECT_THAT(one.text, StartsWith(folder.file("box") + " at octet "));
  }
  const std::string text = tests::read_file(folder.file("box"));
  EXPECT_THAT(text, StartsWith("From ann@example.com "));
  EXPECT_THAT(text, HasSubstr("Delivered-To: bob@example.net\nSubject: hello\n\n>From here.\n\n"));
  EXPECT_THAT(text, HasSubstr("Delivered-To: eve@example.net\n"));

  const queue::Carried maildir = carry(folder.file("folder"));
  EXPECT_EQ(maildir.results.at(1).klass, smtp::ResultClass::delivered);
  EXPECT_EQ(
      std::distance(fs::directory_iterator(folder.file("folder/new")), fs::directory_iterator()),
      2);
}

TEST_F(FolderCourierTest, folders_above_a_mailbox_are_made_in_the_data_directory_alone) {
  for (const std::string& key : {"mbox:" + folder.file("data/mbox/example.net/bob"),
                                 folder.file("data/mail/example.net/bob")}) {
    EXPECT_EQ(carry(key).results.at(0).klass, smtp::ResultClass::delivered) << key;
  }
  EXPECT_EQ(carry(folder.file("database/x/bob")).results.at(0).klass, smtp::ResultClass::temporary);
  EXPECT_FALSE(fs::exists(folder.file("database")));
}

TEST_F(FolderCourierTest, an_mbox_that_cannot_be_written_is_temporary) {
  const queue::Carried carried = carry("mbox:" + folder.file("missing/box"));
  ASSERT_EQ(carried.results.size(), 2u);
  EXPECT_EQ(carried.results[0].klass, smtp::ResultClass::temporary);
  EXPECT_THAT(carried.results[0].text, HasSubstr("missing/box: No such file"));
  EXPECT_EQ(carried.contact, relay::Contact::answered);
}

}  // namespace
}  // namespace postern::app
