using System.Diagnostics;
using Rudder.Tests;

namespace Rudder.Client.Tests.Reports;

/// <summary>A headless Chromium, started from the command line.</summary>
internal static class Browser
{
    /// <summary>Tests of this collection run one after the other: two browsers at once slow each other down.</summary>
    public const string Collection = "browser";

    /// <summary>Time for one page. A build machine may be busy.</summary>
    public static TimeSpan Limit { get; } = TimeSpan.FromMinutes(15);

    private static readonly string[] Names =
    [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
        "chrome.exe",
        "msedge.exe",
    ];

    /// <summary>Executable on PATH; null where none is installed.</summary>
    public static string? Program { get; } =
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .SelectMany(folder => Names.Select(name => Path.Combine(folder, name)))
            .FirstOrDefault(File.Exists);

    /// <summary>Opens a page and lets its scripts run.</summary>
    /// <param name="page">HTML file.</param>
    /// <param name="profile">Empty folder for the browser's own files.</param>
    /// <returns>The document after its scripts, and what the page wrote to the console.</returns>
    public static async Task<(string Document, string[] Console)> OpenAsync(string page, string profile)
    {
        ProcessStartInfo start = new(
            Program!,
            [
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                "--enable-logging=stderr",
                "--virtual-time-budget=20000",
                "--window-size=1400,2400",
                $"--user-data-dir={profile}",
                "--dump-dom",
                new Uri(page).AbsoluteUri,
            ]
        )
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        (_, string document, string error) = await ProgramEnd.OfAsync(process, Limit);
        return (document, [.. error.Split('\n').Where(line => line.Contains(":CONSOLE", StringComparison.Ordinal))]);
    }
}
