#include "telemetry/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <regex>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "telemetry/log_fold.h"
#include "telemetry/log_record.h"
#include "telemetry/metrics.h"

namespace postern::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// A file written by a Logger and read by a test.
class LogFile {
 public:
  ~LogFile() { close(fd_); }
  LogOutput output() const {
    LogOutput output;
    output.fd = fd_;
    return output;
  }
  std::string text() const { return tests::read_file(folder_.file("log")); }

 private:
  tests::TemporaryFolder folder_;
  int fd_ = open(folder_.file("log").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
};

LogOptions json_options() {
  LogOptions options;
  options.format = LogFormat::json;
  return options;
}

std::vector<boost::json::object> parse_lines(const std::string& text) {
  std::vector<boost::json::object> out;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    out.push_back(boost::json::parse(line).as_object());
  }
  return out;
}

LogRecord record_of(std::string_view event) {
  LogRecord record;
  record.time =
      std::chrono::system_clock::time_point(std::chrono::microseconds(1'700'000'000'123'456));
  record.event = event;
  return record;
}

std::uint8_t index_of(std::string_view name) {
  for (std::uint8_t i = 0; i < std::size(field_names); ++i) {
    if (field_names[i] == name) return i;
  }
  ADD_FAILURE() << name;
  return 0;
}

TEST(Log, writes_one_json_object_a_line_with_typed_values) {
  LogFile file;
  {
    Logger logger(json_options(), file.output());
    logger.line(Level::info, "session.end")
        .field("client_ip", *IpAddress::parse("192.0.2.7"))
        .field("client_port", 40000)
        .field("tls", true)
        .field("duration_ms", std::chrono::microseconds(1234567))
        .field("helo", "client.example.com")
        .msg("closed by the client");
    logger.line(Level::error, "store.error").field("error", std::string("disk \"full\""));
  }
  const auto lines = parse_lines(file.text());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].at("level"), "info");
  EXPECT_EQ(lines[0].at("event"), "session.end");
  EXPECT_EQ(lines[0].at("msg"), "closed by the client");
  EXPECT_EQ(lines[0].at("client_ip"), "192.0.2.7");
  EXPECT_EQ(lines[0].at("client_port").to_number<int>(), 40000);
  EXPECT_EQ(lines[0].at("tls"), true);
  EXPECT_DOUBLE_EQ(lines[0].at("duration_ms").as_double(), 1234.567);
  EXPECT_EQ(lines[1].at("error"), "disk \"full\"");
}

TEST(Log, time_is_rfc3339_in_utc_with_microseconds) {
  EXPECT_THAT(as_json(record_of("x")), HasSubstr("\"time\":\"2023-11-14T22:13:20.123456Z\""));
}

TEST(Log, lines_below_the_level_are_not_built) {
  LogFile file;
  LogOptions options = json_options();
  options.level = Level::warning;
  {
    Logger logger(options, file.output());
    Line line = logger.line(Level::info, "session.end");
    EXPECT_FALSE(line);
    line.field("bytes", 1).field("helo", "x").msg("y");
    logger.line(Level::warning, "tls.expiring").field("name", "smtp");
  }
  EXPECT_EQ(parse_lines(file.text()).size(), 1u);
}

TEST(Log, control_characters_and_broken_utf8_are_escaped) {
  EXPECT_EQ(clean("a\r\nb"), "a\\x0d\\x0ab");
  EXPECT_EQ(clean(std::string_view("nul\0!", 5)), "nul\\x00!");
  EXPECT_EQ(clean("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(clean("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(clean("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(clean("\xe2\x80\xae"
                  "evil"),
            "\\u202eevil");                 // right-to-left override
  EXPECT_EQ(clean("\xc2\x85"), "\\u0085");  // NEL
}

TEST(Log, values_are_capped_at_1_kib) {
  EXPECT_EQ(clean(std::string(1021, 'a')), std::string(1021, 'a'));
  EXPECT_EQ(clean(std::string(1022, 'a')), std::string(1021, 'a') + "...");
  const std::string cut = clean(std::string(100'000, 'a'));
  EXPECT_EQ(cut.size(), max_value);
  EXPECT_THAT(cut, testing::EndsWith("a..."));
  EXPECT_LE(clean(std::string(2000, '\x01')).size(), max_value);
}

TEST(Log, no_value_can_break_a_line_or_forge_one) {
  LogFile file;
  {
    Logger logger(json_options(), file.output());
    logger.line(Level::info, "session.end").field("helo", "x\"}\n{\"event\":\"forged\"}\n");
  }
  const auto lines = parse_lines(file.text());
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].at("event"), "session.end");
}

TEST(Log, addresses_are_shown_as_configured_wherever_they_stand) {
  const std::string reply = "550 5.1.1 <Bob@in.example.net> unknown, try \"a b\"@example.org";
  EXPECT_EQ(discreet(reply, {AddressStyle::full, {}}), reply);
  EXPECT_EQ(discreet(reply, {AddressStyle::domain, {}}),
            "550 5.1.1 <...@in.example.net> unknown, try ...@example.org");
  const std::string hashed = discreet(reply, {AddressStyle::hash, {}});
  EXPECT_THAT(hashed, Not(HasSubstr("ob@")));
  EXPECT_THAT(hashed, HasSubstr("<h:"));
  EXPECT_EQ(discreet("bob@in.example.net", {AddressStyle::hash, {}}),
            discreet("BOB@in.example.net", {AddressStyle::hash, {}}));
  EXPECT_NE(discreet("bob@in.example.net", {AddressStyle::hash, {1}}),
            discreet("bob@in.example.net", {AddressStyle::hash, {2}}));
  EXPECT_EQ(discreet("no address @ here", {AddressStyle::domain, {}}), "no address @ here");
}

TEST(Log, a_logger_applies_the_address_style_to_every_field) {
  LogFile file;
  LogOptions options = json_options();
  options.addresses = AddressStyle::domain;
  {
    Logger logger(options, file.output());
    logger.line(Level::info, "message.accepted")
        .field("mail_from", "alice@example.com")
        .field("auth_id", "alice@example.com")
        .msg("for bob@example.net");
  }
  EXPECT_THAT(file.text(), Not(HasSubstr("alice")));
  EXPECT_THAT(file.text(), Not(HasSubstr("bob")));
  EXPECT_THAT(file.text(), HasSubstr("...@example.com"));
}

TEST(Log, a_refusal_on_a_terminal_is_one_line_of_the_feed) {
  setenv("TZ", "UTC", 1);
  tzset();
  LogRecord record = record_of("decision.refused");
  record.msg = "policy high-security: source IP not in allowlist";
  record.fields = {{index_of("code"), true, "550"},
                   {index_of("enhanced_code"), false, "5.7.1"},
                   {index_of("client_ip"), false, "203.0.113.9"},
                   {index_of("rcpt_to"), false, "invoices@in.example.net"},
                   {index_of("trace"), false, "01JD9X3V5W6Y7Z8A9B0C1D2E3F"}};
  EXPECT_EQ(as_text(record, false),
            "22:13:20 refused 550 5.7.1 203.0.113.9 \xe2\x86\x92 invoices@in.example.net  policy "
            "high-security: source IP not in allowlist  (postern explain "
            "01JD9X3V5W6Y7Z8A9B0C1D2E3F)\n");
  EXPECT_THAT(as_text(record, true), HasSubstr("\x1b[31mrefused\x1b[0m"));
}

TEST(Log, other_events_are_words_on_a_terminal) {
  LogRecord record = record_of("auth.failed");
  record.msg = "wrong password";
  record.fields = {{index_of("auth_id"), false, "alice"}, {index_of("helo"), false, "a b"}};
  EXPECT_THAT(as_text(record, false),
              HasSubstr("auth.failed  wrong password  auth_id=alice helo=\"a b\"\n"));
}

TEST(Log, text_leaves_out_the_end_of_sessions_unless_debugging) {
  LogFile file;
  LogOptions options;
  options.format = LogFormat::text;
  {
    Logger logger(options, file.output());
    logger.line(Level::info, "session.end").field("end", "quit");
    logger.line(Level::info, "server.ready").msg("here");
  }
  EXPECT_THAT(file.text(), Not(HasSubstr("session.end")));
  EXPECT_THAT(file.text(), HasSubstr("server.ready"));
  EXPECT_THAT(file.text(), Not(HasSubstr("\x1b")));
}

TEST(Log, journal_gets_its_native_protocol) {
  const tests::TemporaryFolder folder;
  const std::string path = folder.file("socket");
  const int server = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(server, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  LogOptions options;
  options.format = LogFormat::journald;
  LogOutput output;
  output.journal_socket = path;
  {
    Logger logger(options, output);
    EXPECT_EQ(logger.format(), LogFormat::journald);
    logger.line(Level::warning, "decision.deferred")
        .field("rcpt_to", "b\n@example.net")
        .msg("later");
  }
  char buffer[4096];
  const ssize_t n = recv(server, buffer, sizeof buffer, MSG_DONTWAIT);
  ASSERT_GT(n, 0);
  const std::string text(buffer, static_cast<std::size_t>(n));
  EXPECT_THAT(text, HasSubstr("PRIORITY=4\n"));
  EXPECT_THAT(text, HasSubstr("POSTERN_EVENT=decision.deferred\n"));
  EXPECT_THAT(text, HasSubstr("MESSAGE=later\n"));
  EXPECT_THAT(text, HasSubstr("POSTERN_RCPT_TO=b\\x0a@example.net\n"));
  EXPECT_THAT(text, HasSubstr("MESSAGE_ID=" + message_id_of("decision.deferred") + "\n"));
  close(server);
}

TEST(Log, without_a_journal_the_format_is_json) {
  LogFile file;
  LogOptions options;
  options.format = LogFormat::journald;
  LogOutput output = file.output();
  output.journal_socket = "/nonexistent/socket";
  Logger logger(options, output);
  EXPECT_EQ(logger.format(), LogFormat::json);
}

TEST(Log, automatic_format_follows_journal_stream) {
  LogFile file;
  struct stat status{};
  ASSERT_EQ(fstat(file.output().fd, &status), 0);
  setenv("JOURNAL_STREAM", fmt::format("{}:{}", status.st_dev, status.st_ino).c_str(), 1);
  LogOutput output = file.output();
  const tests::TemporaryFolder folder;
  const std::string path = folder.file("socket");
  const int server = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(server, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  output.journal_socket = path;
  EXPECT_EQ(Logger(LogOptions{}, output).format(), LogFormat::journald);
  setenv("JOURNAL_STREAM", "1:1", 1);  // stderr was redirected
  EXPECT_EQ(Logger(LogOptions{}, output).format(), LogFormat::json);
  unsetenv("JOURNAL_STREAM");
  close(server);
}

TEST(Log, message_ids_differ_by_event_and_are_uuids) {
  EXPECT_EQ(message_id_of("session.end").size(), 32u);
  EXPECT_NE(message_id_of("session.end"), message_id_of("decision.refused"));
  EXPECT_EQ(message_id_of("session.end")[12], '8');
}

TEST(Log, a_reader_that_does_not_read_costs_lines_not_time) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  LogOutput output;
  output.fd = ends[1];
  output.queue = 100;
  const std::uint64_t counted = metrics().logs_dropped.counter({}).value();
  auto logger = std::make_unique<Logger>(json_options(), output);
  const std::string long_value(1000, 'x');
  for (int i = 0; i < 5000; ++i) {
    logger->line(Level::info, "message.accepted").field("helo", long_value);
  }
  // A logger that waits for the reader never returns.
  EXPECT_GT(logger->dropped(), 4000u);
  EXPECT_GT(metrics().logs_dropped.counter({}).value(), counted);
  close(ends[0]);  // the reader closes: pending lines are lost, the process continues
  logger.reset();
  close(ends[1]);
}

TEST(Log, lines_of_many_threads_stay_whole) {
  LogFile file;
  {
    Logger logger(json_options(), file.output());
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&logger, t] {
        for (int i = 0; i < 500; ++i) {
          logger.line(Level::info, "message.accepted").field("client_port", t).field("attempt", i);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    logger.flush();
    EXPECT_EQ(parse_lines(file.text()).size(), 2000u);
    EXPECT_EQ(logger.dropped(), 0u);
  }
}

TEST(Log, before_start_lines_vanish) {
  log::stop();
  EXPECT_FALSE(log::error("store.error"));
  LogFile file;
  log::start(json_options(), file.output());
  log::error("store.error").field("error", "x");
  log::flush();
  EXPECT_EQ(parse_lines(file.text()).size(), 1u);
  EXPECT_EQ(log::format(), LogFormat::json);
  log::stop();
}

TEST(Log, the_manual_names_every_field_and_every_event_of_the_sources) {
  const std::filesystem::path root = POSTERN_SOURCE_DIR;
  std::string page = tests::read_file(root / "docs/logs.md");
  for (const std::string_view name : field_names) {
    EXPECT_THAT(page, HasSubstr(fmt::format("`{}`", name)));
  }
  page.erase(page.find("\n## What to do\n"));  // its rows have no levels
  const std::regex call("log::(debug|info|warning|error)\\(\"([a-z_.]+)\"");
  std::size_t calls = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "src")) {
    if (entry.path().extension() != ".cc") continue;
    const std::string source = tests::read_file(entry.path());
    for (std::size_t from = 0; (from = source.find("log::", from)) != std::string::npos; ++from) {
      std::smatch found;  // a search of all the sources with the expression takes ten seconds
      if (!std::regex_search(source.cbegin() + static_cast<std::ptrdiff_t>(from), source.cend(),
                             found, call, std::regex_constants::match_continuous)) {
        continue;
      }
      const std::string named = "`" + found[2].str() + "`";
      EXPECT_THAT(page, HasSubstr(named)) << entry.path();
      const std::size_t at =
          page.find("| " + named) != std::string::npos ? page.find("| " + named) : page.find(named);
      const std::string row = page.substr(at, page.find('\n', at) - at);
      if (row.find("| its own |") == std::string::npos) {
        EXPECT_THAT(row, HasSubstr(found[1].str())) << named << " in " << entry.path();
      }
      ++calls;
    }
  }
  EXPECT_GT(calls, 5u);
}

LogRecord refusal(std::string_view ip) {
  LogRecord record = record_of("decision.refused");
  record.fields = {{index_of("client_ip"), false, std::string(ip)},
                   {index_of("code"), true, "550"}};
  return record;
}

TEST(Fold, a_flood_of_one_reason_is_a_burst_and_a_count) {
  Fold fold;
  std::size_t passed = 0;
  for (int i = 0; i < 432; ++i) passed += fold.passes(refusal("203.0.113.9")) ? 1 : 0;
  EXPECT_EQ(passed, Fold::burst);
  EXPECT_TRUE(fold.passes(refusal("203.0.113.10")));  // another client is a separate reason
  EXPECT_TRUE(fold.summaries(refusal("").time + std::chrono::seconds(9)).empty());
  const auto summaries = fold.summaries(refusal("").time + std::chrono::seconds(10));
  ASSERT_EQ(summaries.size(), 1u);
  EXPECT_EQ(summaries[0].msg,
            "same reason \xc3\x97"
            "412 in 10 s");
  EXPECT_EQ(summaries[0].find("count"), "412");
  EXPECT_EQ(summaries[0].find("client_ip"), "203.0.113.9");
  EXPECT_TRUE(fold.passes(refusal("203.0.113.9")));
}

TEST(Fold, acceptances_and_sessions_are_never_folded) {
  Fold fold;
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(fold.passes(record_of("message.accepted")));
    EXPECT_TRUE(fold.passes(record_of("session.end")));
  }
}

TEST(Fold, what_is_folded_is_told_at_the_end) {
  LogFile file;
  {
    Logger logger(json_options(), file.output());
    for (int i = 0; i < 30; ++i) {
      logger.line(Level::info, "decision.refused")
          .field("client_ip", "203.0.113.9")
          .field("code", 550);
    }
  }
  const auto lines = parse_lines(file.text());
  ASSERT_EQ(lines.size(), Fold::burst + 1);
  EXPECT_EQ(lines.back().at("count").to_number<int>(), 10);
}

TEST(Fold, remembers_a_bounded_number_of_reasons) {
  Fold fold;
  for (std::size_t i = 0; i < Fold::capacity + 10; ++i) {
    EXPECT_TRUE(fold.passes(refusal(fmt::format("2001:db8::{:x}", i))));
  }
  const std::string beyond = fmt::format("2001:db8::{:x}", Fold::capacity + 5);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(fold.passes(refusal(beyond)));
}

}  // namespace
}  // namespace postern::telemetry
