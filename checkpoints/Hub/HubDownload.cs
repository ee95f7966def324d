using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Rudder.Checkpoints;

/// <summary>Fetches one file into a cache: resumes a partial file, and gives it its final name only when size and hash are right.</summary>
/// <param name="connection">The hub.</param>
/// <param name="fetched">Gets the bytes that arrived, or that a partial file already had; negative where a partial file is dropped.</param>
internal sealed class HubDownload(HubConnection connection, Action<long> fetched)
{
    private const int BufferSize = 1 << 18;

    /// <summary>Fetches a file.</summary>
    /// <param name="address">Where the hub has it.</param>
    /// <param name="file">Its size and hash.</param>
    /// <param name="target">Final path. The partial file is beside it and ends in <c>.incomplete</c>, as in <c>huggingface_hub</c>.</param>
    /// <param name="stop">Stops the transfer; the partial file stays.</param>
    /// <exception cref="CheckpointException">The hub sends other bytes than it lists.</exception>
    public async Task FetchAsync(Uri address, HubFile file, string target, CancellationToken stop)
    {
        string partial = target + ".incomplete";
        var state = new Partial(file);
        using (var stream = new FileStream(partial, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0))
        {
            fetched(await state.ReadAsync(stream, stop).ConfigureAwait(false));
            bool resumed = state.Length > 0;
            await FillAsync(address, file, stream, state, stop).ConfigureAwait(false);
            if (resumed && !state.IsRight())
            {
                Restart(stream, state); // the partial file was damaged: start again once
                await FillAsync(address, file, stream, state, stop).ConfigureAwait(false);
            }

            if (!state.IsRight())
            {
                Restart(stream, state);
                throw new CheckpointException(
                    $"{address}: the bytes do not have the hash {file.Hash} that the hub lists. They are dropped. "
                    + $"Try again; if it fails again, the hub or a proxy alters files.");
            }

            stream.Flush(flushToDisk: true);
        }

        File.Move(partial, target, overwrite: true);
    }

    private async Task FillAsync(Uri address, HubFile file, FileStream stream, Partial state, CancellationToken stop)
    {
        if (state.Length < file.Size)
        {
            await connection.GetAsync(
                address, () => state.Length, (answer, token) => ReceiveAsync(answer, address, file, stream, state, token), stop)
                .ConfigureAwait(false);
        }
    }

    private async Task<bool> ReceiveAsync(
        HttpResponseMessage answer, Uri address, HubFile file, FileStream stream, Partial state, CancellationToken stop)
    {
        bool continues = answer.StatusCode == HttpStatusCode.PartialContent && answer.Content.Headers.ContentRange?.From == state.Length;
        if (state.Length > 0 && !continues)
        {
            Restart(stream, state); // the hub ignored the range
            if (answer.StatusCode != HttpStatusCode.OK)
            {
                throw new HubConnection.PassingFault(
                    FormattableString.Invariant($"status {(int)answer.StatusCode} to a request for the rest of the file"));
            }
        }

        Stream body = await answer.Content.ReadAsStreamAsync(stop).ConfigureAwait(false);
        byte[] buffer = new byte[BufferSize];
        int read;
        while ((read = await connection.ReadAsync(body, buffer, stop).ConfigureAwait(false)) > 0)
        {
            if (read > file.Size - state.Length)
            {
                Restart(stream, state);
                throw new CheckpointException(
                    $"{address}: the hub sends more than the {file.Size} bytes that it lists. What was fetched is dropped.");
            }

            await stream.WriteAsync(buffer.AsMemory(0, read), stop).ConfigureAwait(false);
            state.Append(buffer.AsSpan(0, read));
            fetched(read);
        }

        return state.Length == file.Size
            ? true
            : throw new HubConnection.PassingFault(FormattableString.Invariant($"the file ended after {state.Length} of {file.Size} bytes"));
    }

    private void Restart(FileStream stream, Partial state)
    {
        fetched(-state.Length);
        stream.SetLength(0);
        state.Clear();
    }

    /// <summary>Length and running hash of what is on the disk.</summary>
    private sealed class Partial
    {
        private readonly HubFile _file;
        private IncrementalHash _hash;

        public Partial(HubFile file)
        {
            _file = file;
            _hash = Started();
        }

        public long Length { get; private set; }

        /// <summary>Hashes what an earlier attempt left.</summary>
        /// <returns>Its length.</returns>
        public async Task<long> ReadAsync(FileStream stream, CancellationToken stop)
        {
            if (stream.Length > _file.Size)
            {
                stream.SetLength(0);
            }

            byte[] buffer = new byte[BufferSize];
            int read;
            while ((read = await stream.ReadAsync(buffer, stop).ConfigureAwait(false)) > 0)
            {
                Append(buffer.AsSpan(0, read));
            }

            return Length;
        }

        public void Append(ReadOnlySpan<byte> bytes)
        {
            _hash.AppendData(bytes);
            Length += bytes.Length;
        }

        public void Clear()
        {
            _hash.Dispose();
            _hash = Started();
            Length = 0;
        }

        public bool IsRight() => Length == _file.Size && Convert.ToHexStringLower(_hash.GetCurrentHash()) == _file.Hash;

        // git's blob hash is the SHA-1 of "blob SIZE\0" and the content.
        private IncrementalHash Started()
        {
            if (_file.IsLarge)
            {
                return IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            }

            var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
            hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {_file.Size}\0")));
            return hash;
        }
    }
}
