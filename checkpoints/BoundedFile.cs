namespace Rudder.Checkpoints;

/// <summary>Reads whole files that are small in any valid model folder.</summary>
internal static class BoundedFile
{
    /// <summary>Reads a file. Checks the limit before it allocates memory.</summary>
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
