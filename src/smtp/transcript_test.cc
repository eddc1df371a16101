// Plays tests/sessions/*.txt against the session core; the format is in tests/sessions/README.md.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/text.h"
#include "smtp/test_driver.h"

namespace postern::smtp {
namespace {

namespace fs = std::filesystem;

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("${")) {
      const std::size_t star = text.find('*', i);
      const std::size_t close = text.find('}', star);
      const std::string unit = unescape(text.substr(i + 2, star - i - 2));
      for (auto n = parse_number(text.substr(star + 1, close - star - 1)).value(); n > 0; --n) {
        out += unit;
      }
      i = close;
    } else if (text[i] == '\\' && i + 1 < text.size()) {
      const char kind = text[++i];
      if (kind == 'x') {
        out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
        i += 2;
      } else {
        out += kind == 'r' ? '\r' : kind == 'n' ? '\n' : kind == '0' ? '\0' : kind;
      }
    } else {
      out += text[i];
    }
  }
  return out;
}

/// `*` in the pattern matches any octets.
bool matches(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  for (std::size_t i = star; i <= text.size(); ++i) {
    if (matches(pattern.substr(star + 1), text.substr(i))) return true;
  }
  return false;
}

struct Line {
  int number = 0;
  std::string kind;
  std::string text;
};

struct Transcript {
  std::vector<Line> lines;
  ServerOptions options;
  bool split = true;
  bool tls = false;
};

std::size_t* limit_named(Limits& limits, std::string_view name) {
  const std::map<std::string_view, std::size_t*> known{
      {"recipients", &limits.recipients},       {"command_line", &limits.command_line},
      {"auth_line", &limits.auth_line},         {"endless_line", &limits.endless_line},
      {"text_line", &limits.text_line},         {"errors", &limits.errors},
      {"junk_commands", &limits.junk_commands}, {"auth_failures", &limits.auth_failures},
      {"messages", &limits.messages},           {"chunks", &limits.chunks},
      {"local_part", &limits.local_part}};
  const auto found = known.find(name);
  return found == known.end() ? nullptr : found->second;
}

void set_option(ServerOptions& options, std::string_view name, std::string_view value) {
  if (name == "starttls") {
    options.starttls = value == "on";
  } else if (name == "auth") {
    options.auth = value == "on";
  } else if (name == "mechanisms") {
    options.mechanisms = value;
    std::replace(options.mechanisms.begin(), options.mechanisms.end(), ',', ' ');
  } else if (name == "xclient") {
    options.xclient = value == "on";
  } else if (name == "dsn") {
    options.dsn = value == "on";
  } else if (name == "requiretls") {
    options.requiretls = value == "on";
  } else if (name == "reject_unauth_pipelining") {
    options.reject_unauth_pipelining = value == "on";
  } else if (name == "auth_without_tls") {
    options.auth_without_tls = value == "on";
  } else if (name == "tls_required") {
    options.tls_required = value == "on";
  } else if (name == "helo_required") {
    options.helo_required = value == "on";
  } else if (name == "bare_addresses") {
    options.bare_addresses = options.any_helo = value == "on";
    options.judged_vrfy = options.judged_etrn = value == "on";
  } else if (name == "strict_envelopes") {
    options.strict_envelopes = value == "on";
  } else if (name == "bare_newline") {
    options.bare_newline = value == "normalize" ? BareNewline::normalize : BareNewline::reject;
  } else if (name == "message_size") {
    options.limits.message_size = parse_number(value).value();
  } else if (std::size_t* limit = limit_named(options.limits, name)) {
    *limit = parse_number(value).value();
  } else {
    ADD_FAILURE() << "unknown option " << name;
  }
}

Transcript read_transcript(const fs::path& path) {
  Transcript transcript;
  transcript.options.hostname = "mx.example.org";
  transcript.options.starttls = true;
  transcript.options.auth = true;
  std::ifstream file(path);
  std::string text;
  for (int number = 1; std::getline(file, text); ++number) {
    if (text.empty() || text[0] == '#') continue;
    const std::size_t colon = std::min(text.find(':'), text.size());
    const std::string kind = text.substr(0, colon);
    const std::string rest = colon + 2 <= text.size() ? text.substr(colon + 2) : "";
    if (kind == "option") {
      for (const std::string_view setting : split(rest, ' ')) {
        const std::size_t equals = setting.find('=');
        set_option(transcript.options, setting.substr(0, equals), setting.substr(equals + 1));
      }
    } else if (kind == "split") {
      transcript.split = rest != "no";
    } else if (kind == "tls") {
      transcript.tls = rest == "yes";
    } else {
      transcript.lines.push_back({number, kind, rest});
    }
  }
  return transcript;
}

/// One run of a transcript.
class TranscriptPlayer {
 public:
  enum class Feeding { as_written, by_octets };

  TranscriptPlayer(const Transcript& transcript, Feeding feeding,
                   TestDriver::Buffer buffer = TestDriver::Buffer::stays)
      : transcript_(transcript), driver_(transcript.options, buffer), feeding_(feeding) {
    if (transcript.tls) driver_.session().tls_started();
    driver_.session().greet();
    driver_.say("");
  }

  void play() {
    for (const Line& line : transcript_.lines) {
      SCOPED_TRACE("line " + std::to_string(line.number) + ": " + line.kind + ": " + line.text);
      perform(line);
      if (testing::Test::HasFailure()) return;
    }
    send();
    EXPECT_EQ(driver_.output, "") << "the server said more";
  }

 private:
  void perform(const Line& line) {
    if (line.kind == "C" || line.kind == "c") {
      if (pending_.empty()) {
        EXPECT_EQ(driver_.output, "") << "the server said more";
      }
      pending_ += unescape(line.text) + (line.kind == "C" ? "\r\n" : "");
      return;
    }
    send();
    if (line.kind == "S") {
      const std::size_t end = driver_.output.find("\r\n");
      ASSERT_NE(end, std::string::npos) << "the server says nothing";
      EXPECT_TRUE(matches(line.text, driver_.output.substr(0, end))) << driver_.output;
      driver_.output.erase(0, end + 2);
    } else if (line.kind == "E") {
      expect_event(unescape(line.text));
    } else if (line.kind == "N") {
      for (const std::string& event : driver_.events)
        EXPECT_FALSE(matches(unescape(line.text), event)) << event;
    } else if (line.kind == "handshake") {
      driver_.session().tls_started();
    } else if (line.kind == "answer") {
      set_answer(line.text);
    } else {
      FAIL() << "unknown kind of line";
    }
  }

  void send() {
    if (pending_.empty()) return;
    if (feeding_ == Feeding::as_written) {
      driver_.say(pending_);
    } else {
      // Each octet in separate memory, freed at once: the session must not read it later.
      for (const char octet : pending_) driver_.say(std::string(1, octet));
    }
    pending_.clear();
  }

  void expect_event(const std::string& pattern) {
    for (; event_ < driver_.events.size(); ++event_) {
      if (matches(pattern, driver_.events[event_])) {
        ++event_;
        return;
      }
    }
    std::string all;
    for (const std::string& event : driver_.events) all += printable(event) + "\n";
    FAIL() << "no such event; there were\n" << all;
  }

  void set_answer(std::string_view text) {
    const std::vector<std::string_view> words = split(text, ' ');
    const std::string what(words[0]);
    if (words.size() < 2) return driver_.usual_answer(what);
    Reply reply{.code = static_cast<std::uint16_t>(parse_number(words[1]).value())};
    std::string_view rest = text.substr(what.size() + 1 + words[1].size());
    if (words.size() > 2 && split(words[2], '.').size() == 3) {
      const auto parts = split(words[2], '.');
      reply.enhanced = {static_cast<std::uint8_t>(parse_number(parts[0]).value()),
                        static_cast<std::uint16_t>(parse_number(parts[1]).value()),
                        static_cast<std::uint16_t>(parse_number(parts[2]).value())};
      rest.remove_prefix(1 + words[2].size());
    }
    reply.text = trim(rest);
    driver_.answer(what, reply);
  }

  const Transcript& transcript_;
  TestDriver driver_;
  Feeding feeding_;
  std::string pending_;
  std::size_t event_ = 0;
};

/// The client's input up to the next handshake or change of answers, joined, and the server's
/// expected output up to that point.
void play_in_one_piece(const Transcript& transcript, TestDriver::Buffer buffer) {
  TestDriver driver(transcript.options, buffer);
  if (transcript.tls) driver.session().tls_started();
  driver.session().greet();
  driver.say("");
  std::string client;
  std::vector<std::string> server;
  const auto compare = [&] {
    driver.say(client);
    client.clear();
    for (const std::string& pattern : server) {
      const std::size_t end = driver.output.find("\r\n");
      ASSERT_NE(end, std::string::npos) << "nothing said for " << pattern;
      ASSERT_TRUE(matches(pattern, driver.output.substr(0, end))) << pattern << "\n"
                                                                  << driver.output;
      driver.output.erase(0, end + 2);
    }
    server.clear();
    EXPECT_EQ(driver.output, "") << "the server said more";
  };
  for (const Line& line : transcript.lines) {
    if (line.kind == "answer") return;  // these answers depend on the original timing
    if (line.kind == "C") client += unescape(line.text) + "\r\n";
    if (line.kind == "c") client += unescape(line.text);
    if (line.kind == "S") server.push_back(line.text);
    if (line.kind == "handshake") {
      compare();
      if (testing::Test::HasFailure()) return;
      driver.session().tls_started();
    }
  }
  compare();
}

class Sessions : public testing::TestWithParam<fs::path> {};

TEST_P(Sessions, as_written) {
  const Transcript transcript = read_transcript(GetParam());
  ASSERT_FALSE(transcript.lines.empty());
  TranscriptPlayer(transcript, TranscriptPlayer::Feeding::as_written).play();
}

TEST_P(Sessions, as_written_with_a_shared_buffer) {
  const Transcript transcript = read_transcript(GetParam());
  TranscriptPlayer(transcript, TranscriptPlayer::Feeding::as_written,
                   TestDriver::Buffer::is_overwritten)
      .play();
}

TEST_P(Sessions, octet_by_octet) {
  const Transcript transcript = read_transcript(GetParam());
  if (transcript.split) TranscriptPlayer(transcript, TranscriptPlayer::Feeding::by_octets).play();
}

TEST_P(Sessions, in_one_piece) {
  const Transcript transcript = read_transcript(GetParam());
  if (transcript.split) play_in_one_piece(transcript, TestDriver::Buffer::stays);
}

TEST_P(Sessions, in_one_piece_of_a_shared_buffer) {
  const Transcript transcript = read_transcript(GetParam());
  if (transcript.split) play_in_one_piece(transcript, TestDriver::Buffer::is_overwritten);
}

std::vector<fs::path> transcripts() {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(POSTERN_SOURCE_DIR "/tests/sessions")) {
    if (entry.path().extension() == ".txt") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

INSTANTIATE_TEST_SUITE_P(Transcripts, Sessions, testing::ValuesIn(transcripts()),
                         [](const auto& path) {
                           std::string name = path.param.stem().string();
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return !is_alnum(c); }, '_');
                           return name;
                         });

}  // namespace
}  // namespace postern::smtp
