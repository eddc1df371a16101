// The SMTP server: hostile octets in each phase of the dialogue, in any chunks. The first octet
// chooses phase and options, the second the chunks; the client sends the rest.
#include <algorithm>

#include "base/text.h"
#include "invariant.h"
#include "smtp/test_driver.h"

namespace {

using namespace postern;
using fuzz::must;

struct Scene {
  smtp::ServerOptions options;
  bool tls = false;
  std::string prologue;
};

Scene scene_for(std::uint8_t choice) {
  constexpr const char* hello = "EHLO client.example\r\n";
  constexpr const char* envelope =
      "MAIL FROM:<a@example.com> SMTPUTF8\r\nRCPT TO:<b@example.org>\r\n";
  Scene scene;
  scene.options.hostname = "mx.example.org";
  scene.options.auth = true;
  scene.options.starttls = (choice & 0x08) != 0;
  scene.options.xclient = (choice & 0x10) != 0;
  scene.options.bare_newline =
      (choice & 0x20) != 0 ? smtp::BareNewline::normalize : smtp::BareNewline::reject;
  if ((choice & 0x40) != 0) {
    scene.options.limits = {.message_size = 300,
                            .recipients = 2,
                            .command_line = 80,
                            .auth_line = 120,
                            .endless_line = 400,
                            .text_line = 100,
                            .errors = 5,
                            .junk_commands = 3,
                            .messages = 3,
                            .chunks = 4};
  } else {
    scene.options.limits.errors = 1000;
  }
  const int phase = choice & 0x07;
  scene.tls = phase >= 5 && phase <= 6;
  if (phase >= 1) scene.prologue = hello;
  if (phase == 2) scene.prologue += "MAIL FROM:<a@example.com>\r\n";
  if (phase == 3 || phase == 4 || phase == 7) scene.prologue += envelope;
  if (phase == 4) scene.prologue += "DATA\r\n";
  if (phase == 6) scene.prologue += "AUTH LOGIN\r\n";
  if (phase == 7) scene.prologue += "BDAT 20\r\n";
  return scene;
}

void check_replies(std::string_view output) {
  bool more = false;
  std::string_view code;
  while (!output.empty()) {
    const std::size_t end = output.find("\r\n");
    must(end != std::string_view::npos, "a reply ends in CRLF");
    const std::string_view line = output.substr(0, end);
    must(line.size() >= 4 && line.size() <= 510, "a reply line has 6 to 512 octets");
    must(line[0] >= '2' && line[0] <= '5' && is_digit(line[1]) && is_digit(line[2]),
         "a reply has a code");
    must(line[3] == ' ' || line[3] == '-', "a reply has its separator");
    must(!more || line.substr(0, 3) == code, "the lines of a reply have one code");
    must(std::all_of(line.begin(), line.end(), is_printable_ascii), "a reply is printable");
    code = line.substr(0, 3);
    more = line[3] == '-';
    output.remove_prefix(end + 2);
  }
  must(!more, "a reply has its last line");
}

/// `wire` is the input between 354 and the acceptance: it contains one end of data, at its end.
void check_message(std::string_view wire, std::string_view message, smtp::BareNewline mode) {
  const std::string framed = "\r\n" + std::string(wire);
  must(framed.find("\r\n.\r\n") == framed.size() - 5,
       "accepted at the first CRLF.CRLF and only there");
  must(message.empty() || message.ends_with("\r\n"), "a message ends in CRLF");
  if (mode == smtp::BareNewline::reject) {
    must(message.size() <= wire.size() - 3, "a message is not longer than its wire form");
  }
}

void check_octets(std::string_view message) {
  must(message.find('\0') == std::string_view::npos, "no NUL in a message");
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message[i] == '\n') must(i > 0 && message[i - 1] == '\r', "no bare LF in a message");
    if (message[i] == '\r')
      must(i + 1 < message.size() && message[i + 1] == '\n', "no bare CR in a message");
  }
}

struct Record {
  std::string output;
  std::vector<std::string> events;
};

Record by_octets(const Scene& scene, const std::string& client) {
  smtp::TestDriver driver(scene.options);
  if (scene.tls) driver.session().tls_started();
  driver.session().greet();
  std::size_t seen = 0;
  std::size_t data_from = std::string::npos;
  for (std::size_t i = 0; i < client.size(); ++i) {
    driver.say(std::string(1, client[i]));
    for (; seen < driver.events.size(); ++seen) {
      const std::string& event = driver.events[seen];
      if (event == "starttls") driver.session().tls_started();
      if (event == "data") data_from = i + 1;
      if (event == "bdat" || event.starts_with("aborted")) data_from = std::string::npos;
      if (!event.starts_with("message ")) continue;
      const std::string_view message = driver.messages.back();
      check_octets(message);
      must(message.size() <= scene.options.limits.message_size, "a message is within the limit");
      if (data_from != std::string::npos) {
        check_message(std::string_view(client).substr(data_from, i + 1 - data_from), message,
                      scene.options.bare_newline);
      }
      data_from = std::string::npos;
    }
  }
  return {driver.output, driver.events};
}

Record in_pieces(const Scene& scene, const std::string& client, std::uint8_t seed) {
  smtp::TestDriver driver(scene.options, seed % 2 == 0 ? smtp::TestDriver::Buffer::stays
                                                       : smtp::TestDriver::Buffer::is_overwritten);
  if (scene.tls) driver.session().tls_started();
  driver.session().greet();
  unsigned step = seed;
  for (std::size_t at = 0; at < client.size();) {
    step = step * 1103515245 + 12345;
    const std::size_t length = seed == 0 ? client.size() : 1 + (step >> 16) % (1 + seed);
    // A copy: the sanitizer detects a view that outlives the call.
    driver.say(std::string(client.substr(at, length)));
    at += length;
  }
  return {driver.output, driver.events};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Scene scene = scene_for(data[0]);
  const std::string client =
      scene.prologue + std::string(reinterpret_cast<const char*>(data + 2), size - 2);
  const Record octets = by_octets(scene, client);
  check_replies(octets.output);
  const Record pieces = in_pieces(scene, client, data[1]);
  check_replies(pieces.output);
  // Octets after STARTTLS are dropped with their packet, so only sessions without it must be equal.
  const bool tls = std::count(octets.events.begin(), octets.events.end(), "starttls") > 0;
  if (!tls) {
    must(octets.output == pieces.output, "the same replies whatever the pieces");
    must(octets.events == pieces.events, "the same events whatever the pieces");
  }
  return 0;
}
