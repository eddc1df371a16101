#include "mailauth/dkim/canonical.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "mailauth/dkim/body_hasher.h"
#include "mailauth/suite_zone_test.h"

namespace mailauth::dkim {
namespace {

std::string hashed(Canonicalization form, std::string_view body, std::size_t chunk,
                   std::optional<std::uint64_t> length = {}) {
  BodyHasher hasher(form, length);
  for (std::size_t at = 0; at < body.size(); at += chunk) hasher.feed(body.substr(at, chunk));
  hasher.finish();
  return std::string(hasher.digest().begin(), hasher.digest().end());
}

std::string digest_of(std::string_view text) {
  const Digest digest = sha256(text);
  return std::string(digest.begin(), digest.end());
}

/// RFC 6376 §3.4.3 and §3.4.4 implemented literally, as a reference for the streaming form.
std::string plain_body(Canonicalization form, std::string_view body) {
  std::vector<std::string> lines;
  while (!body.empty()) {
    const std::size_t end = body.find("\r\n");
    lines.emplace_back(body.substr(0, end));
    body.remove_prefix(end == std::string_view::npos ? body.size() : end + 2);
  }
  if (form == Canonicalization::relaxed) {
    for (std::string& line : lines) {
      std::string out;
      for (const char c : line) {
        const bool wsp = c == ' ' || c == '\t';
        if (wsp && out.ends_with(' ')) continue;
        out += wsp ? ' ' : c;
      }
      if (out.ends_with(' ')) out.pop_back();
      line = out;
    }
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  std::string out;
  for (const std::string& line : lines) out += line + "\r\n";
  return out.empty() && form == Canonicalization::simple ? "\r\n" : out;
}

std::string bytes_of(const boost::json::object& object, const std::string& member) {
  return *postern::base64_decode(std::string(object.at(member).as_string()));
}

TEST(Canonical, forms_of_the_suite) {
  const auto play = [](const boost::json::object&, const boost::json::object& one) {
    const std::string input = bytes_of(one, "input_b64");
    for (const auto form : {Canonicalization::simple, Canonicalization::relaxed}) {
      const std::string word = form == Canonicalization::simple ? "simple" : "relaxed";
      const std::string expected = bytes_of(one, word + "_b64");
      if (one.at("kind").as_string() == "body") {
        EXPECT_EQ(canonical_body(form, input), expected);
        EXPECT_EQ(hashed(form, input, 1), bytes_of(one, word + "_sha256"));
      } else {
        std::string out;
        const HeaderView header = HeaderView::parse(input);
        append_field(form, header.fields().at(0), out);
        EXPECT_EQ(out, expected);
      }
    }
  };
  EXPECT_GE(testing::for_each_suite_case("dkim", "postern-mailauth-dkim-canon/1", play), 12u);
}

TEST(Canonical, every_way_of_cutting_gives_the_same_form) {
  // All bodies of up to seven of these octets: at once, and in chunks of one and two octets.
  const std::string alphabet = " \t\r\na";
  std::vector<std::string> bodies = {""};
  for (std::size_t first = 0, length = 0; length < 7; ++length) {
    const std::size_t end = bodies.size();
    for (; first < end; ++first) {
      for (const char c : alphabet) bodies.push_back(bodies[first] + c);
    }
  }
  for (const auto form : {Canonicalization::simple, Canonicalization::relaxed}) {
    for (const std::string& body : bodies) {
      const std::string expected = plain_body(form, body);
      ASSERT_EQ(canonical_body(form, body), expected) << postern::printable(body);
      if (body.size() < 6) continue;
      struct Text : CanonicalSink {
        void write(std::string_view piece) override { text += piece; }
        std::string text;
      };
      for (const std::size_t size : {1, 2, 3}) {
        Text sink;
        BodyCanonicalizer canonicalizer(form);
        for (std::size_t at = 0; at < body.size(); at += size) {
          canonicalizer.feed(std::string_view(body).substr(at, size), sink);
        }
        canonicalizer.finish(sink);
        ASSERT_EQ(sink.text, expected) << postern::printable(body) << " by " << size;
      }
    }
  }
}

TEST(Canonical, long_lines_cross_the_vector_blocks) {
  for (const std::string change : {" \t", "\t", " \r\n", "  ", "\t ", " \r\r\n", "\r\n\r\n"}) {
    for (std::size_t at = 0; at < 100; ++at) {
      std::string body(100, 'x');
      body.insert(at, change);
      body += "\r\nend\r\n";
      ASSERT_EQ(canonical_body(Canonicalization::relaxed, body),
                plain_body(Canonicalization::relaxed, body))
          << at << postern::printable(change);
    }
  }
}

TEST(Canonical, relaxed_fields) {
  const HeaderView header = HeaderView::parse(
      "SubJect :  a\r\n\t b  \t c \r\n  \r\nX:\r\n \r\nY: a\rb\nc\r\nZ:\r\n v\r\n");
  std::string out;
  for (const FieldView& field : header.fields())
    append_field(Canonicalization::relaxed, field, out);
  EXPECT_EQ(out, "subject:a b c\r\nx:\r\ny:a\rb\nc\r\nz:v\r\n");
}

TEST(Canonical, a_signature_field_is_signed_without_its_value) {
  const HeaderView header = HeaderView::parse("S: a=1; bh=zz; b =ab\r\n cd ; x=1\r\nS: b=abc\r\n");
  std::string out;
  append_signature_field(Canonicalization::simple, header.fields().at(0), out);
  EXPECT_EQ(out, "S: a=1; bh=zz; b =; x=1");
  out.clear();
  append_signature_field(Canonicalization::relaxed, header.fields().at(1), out);
  EXPECT_EQ(out, "s:b=");
}

TEST(Canonical, repeated_names_take_fields_bottom_up) {
  const HeaderView header = HeaderView::parse("R: 1\r\nR: 2\r\nF: x\r\nR: 3\r\n");
  std::string out;
  const std::vector<std::string> names = {"r", "F", "R", "f", "R", "R", "absent"};
  append_selected_fields(Canonicalization::relaxed, header, names, HeaderView::npos, out);
  EXPECT_EQ(out, "r:3\r\nf:x\r\nr:2\r\nr:1\r\n");
  out.clear();
  append_selected_fields(Canonicalization::relaxed, header, names, 3, out);
  EXPECT_EQ(out, "r:2\r\nf:x\r\nr:1\r\n");
}

TEST(Canonical, words_of_c) {
  EXPECT_EQ(parse_forms("relaxed"), (Forms{Canonicalization::relaxed, Canonicalization::simple}));
  EXPECT_EQ(parse_forms("simple/relaxed"),
            (Forms{Canonicalization::simple, Canonicalization::relaxed}));
  for (const char* text : {"", "/", "relaxed/", "Relaxed", "nofws", "simple/simple/simple"}) {
    EXPECT_FALSE(parse_forms(text)) << text;
  }
  EXPECT_EQ(to_text(Forms{}), "simple/simple");
}

TEST(BodyHasher, hashes_as_much_as_l_says) {
  const std::string body = "abc \t d\r\n\r\nefg\r\n\r\n";  // relaxed: "abc d\r\n\r\nefg\r\n", 14
  for (std::uint64_t length = 0; length <= 16; ++length) {
    for (const std::size_t chunk : {1, 4, 100}) {
      BodyHasher hasher(Canonicalization::relaxed, length);
      for (std::size_t at = 0; at < body.size(); at += chunk) {
        hasher.feed(std::string_view(body).substr(at, chunk));
      }
      hasher.finish();
      EXPECT_EQ(hasher.digest(), sha256(std::string("abc d\r\n\r\nefg\r\n").substr(0, length)));
      EXPECT_EQ(hasher.canonical_octets(), 14u);
      EXPECT_EQ(hasher.length_beyond_body(), length > 14);
      EXPECT_EQ(hasher.unsigned_octets(), length < 14 ? 14 - length : 0);
    }
  }
}

TEST(BodyHasher, line_ends_without_number_cost_no_memory) {
  std::string body = "a";
  for (int i = 0; i < 100'000; ++i) body += "\r\n";
  EXPECT_EQ(hashed(Canonicalization::simple, body, 999), digest_of("a\r\n"));
  EXPECT_EQ(hashed(Canonicalization::relaxed, body + "b", 999), digest_of(body + "b\r\n"));
}

}  // namespace
}  // namespace mailauth::dkim
