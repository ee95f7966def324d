using System.Text;
using System.Text.RegularExpressions;
using Rudder.Client.Processes;
using Rudder.Client.Reports;
using Rudder.Client.Tests.Reports;

namespace Rudder.Client.Tests.Processes;

/// <summary>The browser that prints: found where it is installed, stopped when it hangs, and no half-written file.</summary>
[Collection(Browser.Collection)]
public sealed partial class HeadlessBrowserTests : IDisposable
{
    private const string Minimal = "%PDF-1.4 %%EOF";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Find_NothingInstalled_SaysWhatWasLookedForAndWhatToDo()
    {
        Assert.SkipWhen(OperatingSystem.IsMacOS(), "applications are found without any variable");
        string message = Assert.Throws<BadInputException>(() => HeadlessBrowser.Find(null, _ => null)).Message;
        foreach (string said in (string[])["chromium", "google-chrome", "msedge", "--browser", "CHROME_PATH", "--pdf"])
        {
            Assert.Contains(said, message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("option", "option")]
    [InlineData(null, "variable")]
    public void Find_NamedExecutable_ComesBeforePath(string? chosen, string expected)
    {
        foreach (string name in (string[])["option", "variable", "chromium", "chromium.exe"])
        {
            _folder.Write(name, "");
        }

        string? Variable(string name) => name == HeadlessBrowser.Variable ? _folder.File("variable") : name == "PATH" ? _folder.Path : null;
        Assert.Equal(_folder.File(expected), HeadlessBrowser.Find(chosen is null ? null : _folder.File(chosen), Variable));
    }

    [Fact]
    public void Find_OnPath_TakesTheFirstFolder()
    {
        string extension = OperatingSystem.IsWindows() ? ".exe" : "";
        string first = _folder.Write($"a/google-chrome{extension}", "");
        _folder.Write($"b/chromium{extension}", "");
        string path = _folder.File("a") + Path.PathSeparator + _folder.File("b");
        Assert.Equal(first, HeadlessBrowser.Find(null, name => name == "PATH" ? path : null));
    }

    [Theory]
    [InlineData("no-such-browser", null, "--browser is 'no-such-browser'")]
    [InlineData(null, "no-such-browser", "CHROME_PATH is 'no-such-browser'")]
    public void Find_NamedExecutableIsMissing_NamesItsSource(string? chosen, string? variable, string said)
    {
        string? Variable(string name) => name == HeadlessBrowser.Variable ? variable : null;
        Assert.Contains(
            said, Assert.Throws<BadInputException>(() => HeadlessBrowser.Find(chosen, Variable)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("exit 0", "printed no PDF file")]
    [InlineData("echo no display >&2; exit 7", "exit code 7")]
    [InlineData("echo no display >&2; exit 7", "no display")]
    [InlineData("printf '%%PDF-1.4 half' > \"$target\"; exit 0", "printed no PDF file")]
    [InlineData("printf '%%PDF-1.4 %%%%EOF' > \"$target\"; exit 3", "exit code 3")]
    public async Task Print_BrowserFails_KeepsTheOldFileAndNothingElse(string script, string said)
    {
        string output = _folder.Write("out.pdf", "old");
        var failure = await Assert.ThrowsAsync<WorkFailedException>(() => PrintAsync(Script(script), output, HeadlessBrowser.Limit));
        Assert.Contains(said, failure.Message, StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(output));
        Assert.Equal(["browser", "out.pdf", "page.html"], Left());
    }

    [Fact]
    public async Task Print_BrowserHangs_IsStoppedAfterTheLimit()
    {
        string browser = Script("sleep 600 & wait");
        var failure = await Assert.ThrowsAsync<WorkFailedException>(() => PrintAsync(browser, _folder.File("out.pdf"), TimeSpan.Zero));
        Assert.Contains("did not print", failure.Message, StringComparison.Ordinal);
        Assert.Equal(["browser", "page.html"], Left());
    }

    [Fact]
    public async Task Print_Cancelled_StopsTheBrowser()
    {
        string browser = Script("sleep 600 & wait");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            PrintAsync(browser, _folder.File("out.pdf"), HeadlessBrowser.Limit, new CancellationToken(canceled: true)));
        Assert.Equal(["browser", "page.html"], Left());
    }

    [Fact]
    public async Task Print_BrowserSucceeds_ReplacesTheFile()
    {
        string output = _folder.Write("out.pdf", "old");
        await PrintAsync(Script("printf '%%PDF-1.4 %%%%EOF' > \"$target\""), output, HeadlessBrowser.Limit);
        Assert.Equal(Minimal, File.ReadAllText(output));
        Assert.Equal(["browser", "out.pdf", "page.html"], Left());
    }

    [Fact]
    public async Task Print_RealBrowser_WaitsForTheScriptsOfThePage()
    {
        Assert.SkipWhen(Browser.Program is null, "no Chromium or Chrome on PATH");
        _folder.Write(
            "page.html",
            """
            <p>first</p>
            <script>
            setTimeout(() => {
              for (let i = 0; i < 2; i++) {
                document.body.append(Object.assign(document.createElement("p"), { textContent: "more", style: "break-before: page" }));
              }
            }, 5000);
            </script>
            """);
        string output = _folder.File("out.pdf");
        await new HeadlessBrowser(Browser.Program!, TimeProvider.System).PrintAsync(
            _folder.File("page.html"), output, Browser.Limit, CancellationToken.None);
        Assert.Equal(3, Pages(output));
        Assert.Equal(["out.pdf", "page.html"], Left());
    }

    [Fact]
    public async Task Print_Report_GivesAPdfFile()
    {
        Assert.SkipWhen(Browser.Program is null, "no Chromium or Chrome on PATH");
        RunExample.Write(_folder, "text");
        ReportWriter.Write(_folder.Path, _folder.File("report.html"));
        string output = _folder.File("a", "report.pdf"); // the folder does not exist yet
        await new HeadlessBrowser(Browser.Program!, TimeProvider.System).PrintAsync(
            _folder.File("report.html"), output, Browser.Limit, CancellationToken.None);
        Assert.InRange(Pages(output), 3, 30);
    }

    private static int Pages(string pdf) => Page().Count(Encoding.Latin1.GetString(File.ReadAllBytes(pdf)));

    private static Task PrintAsync(string browser, string output, TimeSpan limit, CancellationToken cancel = default)
    {
        string page = Path.Combine(Path.GetDirectoryName(browser)!, "page.html");
        File.WriteAllText(page, "");
        return new HeadlessBrowser(browser, TimeProvider.System).PrintAsync(page, output, limit, cancel);
    }

    private IEnumerable<string> Left() =>
        Directory.EnumerateFileSystemEntries(_folder.Path).Select(entry => Path.GetFileName(entry)).Order(StringComparer.Ordinal);

    /// <summary>A browser of our own: its last words are a shell script, in which $target is the file to print to.</summary>
    private string Script(string body)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs a shell");
        const string Target = "for word; do case $word in --print-to-pdf=*) target=${word#*=};; esac; done";
        string path = _folder.Write("browser", $"#!/bin/sh\n{Target}\n{body}\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return path;
    }

    [GeneratedRegex("/Type /Page\\b(?!s)")]
    private static partial Regex Page();
}
