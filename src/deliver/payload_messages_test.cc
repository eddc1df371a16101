// Runs tests/suites/messages: real mail of many origins, compared by the rules of its README.

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/sha256.h"
#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "deliver/payload.h"

namespace postern::deliver {
namespace {

namespace json = boost::json;

const std::string messages_folder = POSTERN_SOURCE_DIR "/tests/suites/messages/";

std::string suite_message(const std::string& name) {
  return tests::read_file(messages_folder + name);
}

std::string sha256_hex(std::string_view octets) { return hex_encode(sha256(octets)); }

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

/// Joins runs of U+FFFD.
std::string one_replacement(std::string text) {
  while (text.find("\uFFFD\uFFFD") != std::string::npos) {
    text = replaced(std::move(text), "\uFFFD\uFFFD", "\uFFFD");
  }
  return text;
}

std::string string_at(const json::value& object, std::string_view key) {
  const json::value* value = object.as_object().if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// Normalises `text` and `html` by the rules.
std::string normal_text(std::string text) {
  text = replaced(replaced(std::move(text), "\r\n", "\n"), "\r", "\n");
  while (text.substr(0, 3) == "\uFEFF") text.erase(0, 3);
  text = one_replacement(std::move(text)) + "\n";
  std::string out;
  for (const std::string_view line : split(text, '\n')) {
    std::string_view kept = line;
    while (!kept.empty()) {
      if (kept.back() == ' ' || kept.back() == '\t') {
        kept.remove_suffix(1);
      } else if (kept.size() > 1 && kept.substr(kept.size() - 2) == "\u00A0") {
        kept.remove_suffix(2);
      } else {
        break;
      }
    }
    out += std::string(kept) + "\n";
  }
  while (!out.empty() && (is_space(out.back()) || out.back() == '\0')) out.pop_back();
  return out;
}

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : one_replacement(std::string(text))) {
    if (!is_space(c)) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  return std::string(trim(out));
}

std::string squeezed(std::string_view text) {
  std::string out = one_replacement(std::string(text));
  for (const char* blank : {" ", "\t", "\r", "\n", "\v", "\f", "\u00A0", "\u3000", "\u2003"}) {
    out = replaced(std::move(out), blank, "");
  }
  return out;
}

/// Collects the differences in one message.
class Comparison {
 public:
  Comparison(const json::value& want, const json::value& got) : want_(want), got_(got) {}

  std::string run() {
    for (const char* key : {"subject", "message_id"}) {
      if (has(key)) check(key, one_line(string_at(want_, key)), one_line(string_at(got_, key)));
    }
    if (has("date")) check("date", string_at(want_, "date"), string_at(got_, "date"));
    for (const char* key : {"header_from", "header_to", "cc", "reply_to"}) {
      if (has(key)) addresses(key);
    }
    if (has("header_count")) {
      check("header_count", json::serialize(want_.at("header_count")),
            std::to_string(got_.at("header_list").as_array().size()));
    }
    if (has("text")) {
      check("text", normal_text(string_at(want_, "text")), normal_text(string_at(got_, "text")));
    }
    if (has("text_pieces")) pieces();
    if (has("html")) html();
    if (has("attachments")) attachments();
    return differences_;
  }

 private:
  bool has(std::string_view key) const { return want_.as_object().contains(key); }

  void check(std::string_view what, const std::string& want, const std::string& got) {
    if (want == got) return;
    differences_ += std::string(what) + ": want " + want.substr(0, 200) + "\n   got " +
                    got.substr(0, 200) + "\n";
  }

  void addresses(const char* key) {
    const json::array& want = want_.at(key).as_array();
    const json::array& got = got_.at(key).as_array();
    check(key, std::to_string(want.size()), std::to_string(got.size()));
    for (std::size_t i = 0; i < std::min(want.size(), got.size()); ++i) {
      check(key, string_at(want[i], "address"), one_line(string_at(got[i], "address")));
      if (!want[i].as_object().contains("name")) continue;
      check(key, string_at(want[i], "name"), one_line(string_at(got[i], "name")));
    }
  }

  void pieces() {
    const std::string all = squeezed(string_at(got_, "text"));
    std::size_t at = 0;
    for (const json::value& piece : want_.at("text_pieces").as_array()) {
      const std::string wanted = squeezed(piece.as_string());
      at = all.find(wanted, at);
      if (at == std::string::npos) return check("text_pieces", wanted, all);
      at += wanted.size();
    }
  }

  void html() {
    const std::string text = normal_text(string_at(got_, "html"));
    const json::value& want = want_.at("html");
    check("html.present", want.at("present").as_bool() ? "yes" : "no",
          squeezed(text).empty() ? "no" : "yes");
    if (want.as_object().contains("sha256")) {
      check("html.sha256", string_at(want, "sha256"), sha256_hex(text));
    }
  }

  void attachments() {
    const json::array& want = want_.at("attachments").as_array();
    const json::array& got = got_.at("attachments").as_array();
    check("attachments", std::to_string(want.size()), std::to_string(got.size()));
    for (std::size_t i = 0; i < std::min(want.size(), got.size()); ++i) {
      const json::object& one = want[i].as_object();
      for (const char* key : {"filename", "content_type", "sha256"}) {
        if (one.contains(key)) {
          check(key, one_line(string_at(want[i], key)), one_line(string_at(got[i], key)));
        }
      }
      const std::optional<std::string> octets = base64_decode(string_at(got[i], "content"));
      ASSERT_TRUE(octets);
      check("content", sha256_hex(*octets), string_at(got[i], "sha256"));
      check("size", std::to_string(octets->size()), json::serialize(got[i].at("size")));
      if (one.contains("sha256_trim")) {
        std::string trimmed = replaced(*octets, "\r\n", "\n");
        constexpr std::string_view blank("\t\n\v\f\r \xA0");
        while (!trimmed.empty() && blank.find(trimmed.back()) != blank.npos) trimmed.pop_back();
        check("sha256_trim", string_at(want[i], "sha256_trim"), sha256_hex(trimmed));
      }
    }
  }

  const json::value& want_;
  const json::value& got_;
  std::string differences_;
};

TEST(PayloadMessages, agree_with_the_expectations_of_the_suite) {
  const std::string expected = suite_message("expected.json");
  ASSERT_FALSE(expected.empty());
  const json::value suite = json::parse(expected);
  std::size_t played = 0;
  for (const json::key_value_pair& entry : suite.as_object()) {
    const std::string message = suite_message(entry.key());
    ASSERT_FALSE(message.empty()) << entry.key();
    const MessageIdentity identity{"msg_01HX0000000000000000000000",
                                   "wh_01HX0000000000000000000000",
                                   std::chrono::system_clock::time_point{}, false};
    Result<Payload> payload = build_payload(message, policy::Evidence{}, identity, {});
    ASSERT_TRUE(payload) << payload.error().message;
    const json::value got = json::parse(payload->body.view().value());
    EXPECT_EQ(Comparison(entry.value().at("expect"), got).run(), "") << entry.key();
    ++played;
  }
  EXPECT_EQ(played, 256u);
}

}  // namespace
}  // namespace postern::deliver
