/* An MCP server over stdio that takes next to no memory: it answers each request with one result. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static char line[65536];

int main(void) {
  while (fgets(line, sizeof line, stdin)) {
    char *id = strstr(line, "\"id\":");
    if (!id) continue;
    id += 5;
    size_t length = 0;
    while (isdigit((unsigned char)id[length])) length += 1;
    printf("{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":{\"protocolVersion\":\"2025-11-25\","
           "\"capabilities\":{},\"serverInfo\":{\"name\":\"small\",\"version\":\"1\"},\"content\":[]}}\n",
           (int)length, id);
    fflush(stdout);
  }
  return 0;
}
