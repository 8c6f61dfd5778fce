"""The smallest server of FastMCP, over stdio."""

from fastmcp import FastMCP

mcp = FastMCP("bench")


@mcp.tool
def echo(text: str = "ok") -> str:
    return text


if __name__ == "__main__":
    mcp.run(show_banner=False)
