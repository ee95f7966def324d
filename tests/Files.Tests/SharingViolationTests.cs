namespace Rudder.Files.Tests;

/// <summary>Only a file that is held elsewhere counts as in use.</summary>
public sealed class SharingViolationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Is_FileHeldElsewhere_IsTrue()
    {
        using FileStream held = Open();
        Assert.True(SharingViolation.Is(Assert.Throws<IOException>(() => Open().Dispose())));
    }

    [Fact]
    public void Is_AnotherFailure_IsFalse() => Assert.False(SharingViolation.Is(new IOException("No space left on device", 28)));

    private FileStream Open() => new(_folder.File("file"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
}
