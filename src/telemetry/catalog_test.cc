// The catalog of the journal, share/journal/postern.catalog: what docs/logs.md says about each
// event, for `journalctl -x`. POSTERN_WRITE_DOCS=1 telemetry_test writes it, and without it the
// test compares.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include <fmt/format.h>

#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "telemetry/log_record.h"

namespace postern::telemetry {
namespace {

struct Row {
  std::vector<std::string> events;
  std::vector<std::string> cells;  ///< without the first
};

/// The rows of the table below a heading of a page.
std::vector<Row> rows_of(const std::string& page, const std::string& heading) {
  const std::size_t begins = page.find("\n## " + heading + "\n");
  if (begins == std::string::npos) return {};
  const std::string part = page.substr(begins, page.find("\n## ", begins + 1) - begins);
  static const std::regex name("`([a-z_.]+)`");
  std::vector<Row> rows;
  for (const std::string_view line : split(part, '\n')) {
    if (!line.starts_with("| `")) continue;
    const std::vector<std::string_view> cells = split(line, '|');
    Row row;
    const std::string first(cells.at(1));
    for (std::sregex_iterator at(first.begin(), first.end(), name), end; at != end; ++at) {
      row.events.push_back((*at)[1].str());
    }
    for (std::size_t i = 2; i + 1 < cells.size(); ++i) row.cells.emplace_back(trim(cells[i]));
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Markdown as text: a link to a page is followed by the page's name.
std::string plain(const std::string& markdown) {
  static const std::regex page("\\[([^\\]]*)\\]\\(([a-z-]+)\\.md[^)]*\\)");
  static const std::regex part("\\[([^\\]]*)\\]\\(#[^)]*\\)");
  std::string text = std::regex_replace(markdown, page, "$1 (handbook: $2)");
  text = std::regex_replace(text, part, "$1");
  std::erase(text, '`');
  return text;
}

/// A sentence with a capital and a full stop, in lines of at most 78 columns.
std::string paragraph(std::string text) {
  if (text.empty()) return text;
  if (text.back() != '.') text += '.';
  std::string out;
  std::size_t column = 0;
  for (const std::string_view word : split(text, ' ')) {
    if (column > 0 && column + 1 + word.size() > 78) {
      out += '\n';
      column = 0;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out + '\n';
}

std::string catalog_of(const std::string& page) {
  std::map<std::string, std::string> advice;
  for (const Row& row : rows_of(page, "What to do")) {
    for (const std::string& event : row.events) advice[event] = row.cells.at(0);
  }
  std::string out =
      "# The events of docs/logs.md, for journalctl -x. Made by POSTERN_WRITE_DOCS=1 "
      "telemetry_test.\n";
  for (const Row& row : rows_of(page, "Events")) {
    for (const std::string& event : row.events) {
      out += fmt::format(
          "\n-- {}\nSubject: Event {} of the SMTP gateway\nDefined-By: Postern\n"
          "Documentation: man:postern(8)\n\n{}",
          message_id_of(event), event, paragraph("When: " + plain(row.cells.at(1))));
      if (advice.contains(event)) {
        out += "\n" + paragraph("What to do: " + plain(advice.at(event)));
      }
      // The journal puts the value of the field here.
      if (row.cells.at(1).find("argument of `postern explain`") != std::string::npos) {
        out += "\nWhy: postern explain @POSTERN_TRACE@\n";
      }
    }
  }
  return out;
}

TEST(Catalog, is_what_the_manual_says) {
  const std::string path = POSTERN_SOURCE_DIR "/share/journal/postern.catalog";
  const std::string made = catalog_of(tests::read_file(POSTERN_SOURCE_DIR "/docs/logs.md"));
  if (std::getenv("POSTERN_WRITE_DOCS") != nullptr) std::ofstream(path) << made;
  EXPECT_TRUE(tests::read_file(path) == made) << "run POSTERN_WRITE_DOCS=1 telemetry_test";
  EXPECT_THAT(made, testing::HasSubstr("-- " + message_id_of("server.ready") + "\n"));
}

// Machines keep journals of earlier releases, so an identifier never changes.
TEST(Catalog, the_identifier_of_an_event_is_the_same_in_every_release) {
  EXPECT_EQ(message_id_of("server.ready"), "a9d6af2d1c4f89609952314e8075e27c");
  EXPECT_EQ(message_id_of("decision.refused"), "675b5ccadcdc893dba14f405da94fe9b");
}

TEST(Catalog, says_for_each_warning_and_error_what_to_do) {
  const std::string page = tests::read_file(POSTERN_SOURCE_DIR "/docs/logs.md");
  std::set<std::string> known;
  for (const Row& row : rows_of(page, "Events")) {
    for (const std::string& event : row.events) {
      EXPECT_TRUE(known.insert(event).second) << event << " has two rows";
    }
  }
  std::set<std::string> advised;
  for (const Row& row : rows_of(page, "What to do")) {
    for (const std::string& event : row.events) {
      EXPECT_TRUE(known.contains(event)) << event << " is in no row of the events";
      EXPECT_TRUE(advised.insert(event).second) << event << " has two rows of advice";
    }
  }
  for (const Row& row : rows_of(page, "Events")) {
    // A row of several events has their levels in their order, or one level for all of them.
    const std::vector<std::string_view> levels = split(row.cells.at(0), ',');
    for (std::size_t i = 0; i < row.events.size(); ++i) {
      const bool each = levels.size() == row.events.size() && row.events.size() > 1;
      const std::string said(each ? trim(levels[i]) : std::string_view(row.cells.at(0)));
      const bool asks = said.find("warning") != said.npos || said.find("error") != said.npos;
      if (asks) EXPECT_TRUE(advised.contains(row.events[i])) << row.events[i];
    }
  }
}

}  // namespace
}  // namespace postern::telemetry
