namespace Rudder.Checkpoints;

/// <summary>Reads files whole that are small in any sound model folder.</summary>
internal static class BoundedFile
{
    /// <summary>The content of a file. The limit is checked before memory is taken.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limit">The largest size accepted, bytes.</param>
    /// <exception cref="CheckpointException">The file is missing, cannot be read or is larger.</exception>
    public static byte[] Read(string path, long limit)
    {
        using var stream = new FileStream(SafetensorsFile.OpenHandle(path), FileAccess.Read, bufferSize: 0);
        if (stream.Length > limit)
        {
            throw new CheckpointException($"{path}: has {stream.Length} bytes; at most {limit} are read. Check that it is the right file.");
        }

        var content = new byte[stream.Length];
        try
        {
            stream.ReadExactly(content);
        }
        catch (IOException e)
        {
            throw new CheckpointException($"{path}: cannot be read ({e.Message}).", e);
        }

        return content;
    }
}
