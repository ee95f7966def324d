namespace Rudder.Client.Processes;

/// <summary>Prints pages to PDF files with an installed browser of the Chromium family.</summary>
/// <param name="program">Its executable.</param>
/// <param name="time">Clock of the time limit.</param>
internal sealed class HeadlessBrowser(string program, TimeProvider time)
{
    /// <summary>Variable of the environment that names the executable.</summary>
    public const string Variable = "CHROME_PATH";

    /// <summary>Option that names the executable.</summary>
    public const string Option = "--browser";

    private const string ScriptMilliseconds = "20000"; // virtual time: scripts get it even on a slow machine
    private const int TrailerBytes = 1024;
    private const int RemovalAttempts = 20;
    private static readonly TimeSpan BetweenRemovals = TimeSpan.FromMilliseconds(100);

    private static readonly string[] Names =
        ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "chrome", "msedge"];

    private static readonly string[] MacApplications =
    [
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    ];

    private static readonly string[] WindowsFolders = ["ProgramFiles", "ProgramFiles(x86)", "LocalAppData"];
    private static readonly string[] WindowsPrograms = [@"Google\Chrome\Application\chrome.exe", @"Microsoft\Edge\Application\msedge.exe"];

    /// <summary>Time in which a page must be printed. Default 5 minutes: a report takes seconds, on a busy machine far longer.</summary>
    public static TimeSpan Limit { get; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The executable that <paramref name="chosen"/> names; otherwise the one that CHROME_PATH names; otherwise the first that is found on
    /// PATH or where Chrome, Chromium and Edge are installed.
    /// </summary>
    /// <param name="chosen">Path given by the user; null searches.</param>
    /// <param name="variable">Reads a variable of the environment; null is the process's own.</param>
    /// <exception cref="BadInputException">There is none; the message says what was looked for.</exception>
    public static string Find(string? chosen, Func<string, string?>? variable = null)
    {
        variable ??= Environment.GetEnvironmentVariable;
        if (chosen is not null || variable(Variable) is { Length: > 0 })
        {
            (string source, string path) = chosen is null ? (Variable, variable(Variable)!) : (Option, chosen);
            return File.Exists(path)
                ? Path.GetFullPath(path)
                : throw new BadInputException(
                    $"{source} is '{path}', which does not exist. Name the executable of Chromium, Chrome or Edge.");
        }

        string[] names = [.. Names.Select(name => OperatingSystem.IsWindows() ? name + ".exe" : name)];
        string[] installed = OperatingSystem.IsMacOS() ? MacApplications
            : OperatingSystem.IsWindows()
                ? [.. WindowsFolders.Select(variable).OfType<string>().SelectMany(_ => WindowsPrograms, Path.Combine)]
                : [];
        return (variable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .SelectMany(_ => names, Path.Combine)
            .Concat(installed)
            .FirstOrDefault(File.Exists)
            ?? throw Missing(names, installed);
    }

    /// <summary>Prints a page after its scripts have run. The file is complete or, after a failure, as it was before.</summary>
    /// <param name="page">HTML file.</param>
    /// <param name="output">PDF file; an older one is replaced.</param>
    /// <param name="limit">Time limit.</param>
    /// <param name="cancel">Ends the browser.</param>
    /// <exception cref="BadInputException">The program cannot be started.</exception>
    /// <exception cref="WorkFailedException">The browser failed, took too long, or wrote no PDF file.</exception>
    public async Task PrintAsync(string page, string output, TimeSpan limit, CancellationToken cancel)
    {
        // Beside the file rather than among temporary files: a browser that is installed as a snap does not see those.
        string folder = $"{Path.GetFullPath(output)}.{Guid.NewGuid():N}.tmp";
        Directory.CreateDirectory(folder);
        try
        {
            string printed = Path.Combine(folder, "page.pdf");
            await RunAsync(page, printed, folder, limit, cancel);
            AtomicFile.Write(output, stream =>
            {
                using FileStream source = File.OpenRead(printed);
                source.CopyTo(stream);
            });
        }
        finally
        {
            await RemoveAsync(folder);
        }
    }

    private static BadInputException Missing(string[] names, string[] installed)
    {
        string places = installed.Length == 0 ? "" : $", and for {string.Join(", ", installed)}";
        return new BadInputException(
            $"No browser was found that can print the page. Looked on PATH for {string.Join(", ", names)}{places}. Install Chromium, Chrome "
            + $"or Edge, name its executable with {Option} PATH or {Variable}, or leave --pdf out and print the HTML file from any browser.");
    }

    private async Task RunAsync(string page, string printed, string folder, TimeSpan limit, CancellationToken cancel)
    {
        string[] arguments =
        [
            "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking",
            .. OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess ? ["--no-sandbox"] : (string[])[], // root has no sandbox
            $"--user-data-dir={Path.Combine(folder, "profile")}", $"--virtual-time-budget={ScriptMilliseconds}", "--no-pdf-header-footer",
            $"--print-to-pdf={printed}", new Uri(Path.GetFullPath(page)).AbsoluteUri,
        ];
        ProcessLedger ledger = new(Path.Combine(folder, "processes.json"), _ => { });
        using CancellationTokenSource late = new(limit, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancel);
        await using var browser = ChildProcess.Start(program, arguments, Path.Combine(folder, "browser.log"), ledger, _ => { });
        int code;
        try
        {
            code = await browser.WaitAsync(stop.Token);
        }
        catch (OperationCanceledException cause) when (!cancel.IsCancellationRequested)
        {
            throw new WorkFailedException(
                $"{program} did not print {page} within {limit.TotalSeconds:0} s and was stopped. No PDF file was written. {Said(browser)}",
                cause);
        }

        if (code != 0 || !IsWhole(printed))
        {
            throw new WorkFailedException(
                $"{program} printed no PDF file of {page} (exit code {code}). Try another browser with {Option} PATH. {Said(browser)}");
        }
    }

    private static string Said(ChildProcess browser) =>
        browser.Tail.Length == 0 ? "It wrote no message." : $"Its last messages:{Environment.NewLine}{browser.Tail}";

    /// <summary>Whether a file begins and ends as a PDF file does.</summary>
    private static bool IsWhole(string path)
    {
        if (!File.Exists(path))
        {
            return false;
        }

        byte[] bytes = File.ReadAllBytes(path);
        return bytes.AsSpan().StartsWith("%PDF-"u8) && bytes.AsSpan(Math.Max(0, bytes.Length - TrailerBytes)).IndexOf("%%EOF"u8) >= 0;
    }

    /// <summary>Removes the browser's folder. Its helper processes may write there for a moment after it has ended.</summary>
    private async Task RemoveAsync(string folder)
    {
        for (int attempt = 1; Directory.Exists(folder); attempt++)
        {
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (Exception busy) when (attempt < RemovalAttempts && busy is IOException or UnauthorizedAccessException)
            {
                await Task.Delay(BetweenRemovals, time);
            }
        }
    }
}
